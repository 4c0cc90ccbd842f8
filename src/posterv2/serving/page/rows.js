// What was answered as files to keep, made in the browser.

import { element } from "./element.js";

const COLUMNS = ["source", "frame", "time", "face", "track", "x", "y", "width", "height", "score", "expression", "probability"];

/** A row a face, and one with empty face columns for a picture without; pictures with an error have none. */
export function toCsv(results) {
  const answered = results.filter(result => !result.error);
  const names = [...new Set(answered.flatMap(result => result.faces.flatMap(face => Object.keys(face.probabilities))))];
  const rows = answered.flatMap(result => {
    const head = [result.source, result.frame, result.time];
    if (!result.faces.length) return [[...head, ...Array(COLUMNS.length - head.length + names.length).fill(null)]];
    return result.faces.map((face, index) => [
      ...head, index + 1, face.track, ...face.box, face.score, face.expression, face.probability,
      ...names.map(name => face.probabilities[name]),
    ]);
  });
  return [[...COLUMNS, ...names.map(name => `p_${name}`)], ...rows].map(row => row.map(field).join(",") + "\r\n").join("");
}

export function toJson(results) {
  return JSON.stringify(results, null, 2) + "\n";
}

/** Have the browser keep `text` as a file called `name`. */
export function keep(text, name, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  element("a", "", [], { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function field(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
