// The faces of a picture as a list: what the drawing says, in words, for everyone.

import { UNCERTAIN, colourOf, coloursOf, likeliest, percent, shareOf } from "./colours.js";
import { element } from "./element.js";

const FEW = 3; // faces whose tables are open from the start

/** Bring a list up to date with a result's faces. Items stay what they are, so that no reader loses their place. */
export function listFaces(list, faces, onPick = () => {}) {
  const known = new Map([...list.children].map(item => [item.dataset.face, item]));
  faces.forEach((face, index) => {
    const number = String(face.track ?? index + 1);
    const item = known.get(number) ?? newItem(number, faces.length <= FEW);
    known.delete(number);
    const summary = item.querySelector("summary");
    item.onpointerenter = summary.onfocus = () => onPick(index);
    item.onpointerleave = summary.onblur = () => onPick(null);
    fill(item, face);
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
  for (const item of known.values()) item.remove();
}

function newItem(number, open) {
  const summary = element("summary", "", [
    element("span", "number", [element("span", "unseen", "Face "), number]),
    element("span", "swatch", [], { "aria-hidden": "true" }), element("span", "name"), element("span", "share"),
  ]);
  const table = element("table", "", [element("caption", "unseen", `Probabilities of face ${number}`), element("tbody")]);
  const details = element("details", "", [summary, table, element("p", "remark")]);
  details.open = open;
  const item = element("li", "", details);
  item.dataset.face = number;
  return item;
}

function fill(item, face) {
  const uncertain = face.expression === UNCERTAIN, colours = coloursOf(Object.keys(face.probabilities)), top = likeliest(face);
  item.classList.toggle("uncertain", uncertain);
  item.style.setProperty("--colour", colourOf(face));
  item.querySelector(".name").textContent = face.expression;
  item.querySelector(".share").textContent = shareOf(face);
  const body = item.querySelector("tbody"), names = Object.keys(face.probabilities);
  if (body.rows.length !== names.length) {
    body.replaceChildren(...names.map(name => element("tr", "", [
      element("th", "", name, { scope: "row" }), element("td", "bar", element("span"), { "aria-hidden": "true" }), element("td"),
    ])));
  }
  names.forEach((name, index) => {
    const row = body.rows[index], share = face.probabilities[name];
    row.classList.toggle("top", name === top);
    row.style.setProperty("--colour", colours.get(name));
    row.style.setProperty("--share", `${100 * share}%`);
    row.cells[2].textContent = percent(share);
  });
  const notes = face.quality?.notes ?? [];
  item.querySelector(".remark").textContent = notes.length ? `Hard to see: ${notes.join(", ")}.` : "";
}
