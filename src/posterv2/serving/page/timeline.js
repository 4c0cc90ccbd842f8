// The last seconds of each track, its probabilities stacked to 100 %.

import { MUTED, UNCERTAIN, coloursOf, likeliest, shareOf } from "./colours.js";
import { element } from "./element.js";

const SECONDS = 30;
const PAUSE = 1; // seconds without an answer that are shown as a gap
const STRIP = 6; // pixels below, dashed where the answer is `uncertain`
const CALM = 1; // seconds between two drawings where the reader wants little motion

export class Timeline {
  constructor(root) {
    this.root = root;
    this.list = root.querySelector(".tracks");
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.reset();
  }

  reset() {
    this.tracks = new Map();
    this.list.replaceChildren();
    this.drawn = -Infinity;
    this.root.hidden = true;
  }

  add(time, faces) {
    for (const face of faces) {
      const track = this.tracks.get(face.track) ?? this.#begin(face);
      track.points.push({ time, face, shares: Object.values(face.probabilities) });
      if (track.points.length > 2 && track.points[1].time < time - SECONDS) track.points.shift();
    }
    for (const [number, { points, item }] of this.tracks) {
      if (points.at(-1).time >= time - SECONDS) continue;
      item.remove();
      this.tracks.delete(number);
    }
    if (this.calm.matches && time - this.drawn < CALM) return;
    this.drawn = time;
    for (const track of this.tracks.values()) draw(track, time);
  }

  #begin(face) {
    const colours = coloursOf(Object.keys(face.probabilities));
    if (this.root.hidden) {
      this.root.hidden = false;
      this.root.querySelector(".legend").replaceChildren(...[...colours].map(([name, colour]) => {
        const swatch = element("span", "swatch", [], { "aria-hidden": "true" });
        swatch.style.setProperty("--colour", colour);
        return element("li", "", [swatch, name]);
      }));
    }
    const words = element("span"), canvas = element("canvas", "", [], { role: "img" });
    const item = element("li", "", [element("p", "", [element("b", "", `Face ${face.track}`), words]), canvas]);
    this.list.append(item);
    const track = { number: face.track, points: [], colours: [...colours.values()], item, words, canvas };
    this.tracks.set(face.track, track);
    return track;
  }
}

function draw({ number, points, colours, words, canvas }, now) {
  const newest = points.at(-1), { face } = newest, present = now - newest.time < PAUSE;
  words.textContent = present ? ` ${face.expression} ${shareOf(face)}` : " not seen now";
  canvas.setAttribute("aria-label", `Face ${number} over the last ${SECONDS} seconds: mostly ${mostly(points)}`);

  const width = canvas.clientWidth, height = canvas.clientHeight, sharp = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * sharp);
  canvas.height = Math.round(height * sharp);
  const pen = canvas.getContext("2d"), x = time => width * (1 - (now - time) / SECONDS);
  pen.scale(sharp, sharp);
  for (const run of runsOf(points)) {
    const floors = run.map(() => height - STRIP);
    colours.forEach((colour, k) => {
      // Up to the top, and the next colour over it: so no hair of the ground shows between two areas.
      pen.beginPath();
      pen.moveTo(x(run[0].time), 0);
      run.forEach((point, i) => {
        pen.lineTo(x(point.time), floors[i]);
        floors[i] -= (height - STRIP) * point.shares[k];
      });
      pen.lineTo(x(run.at(-1).time), 0);
      pen.fillStyle = colour;
      pen.fill();
    });
    pen.setLineDash([4, 3]);
    pen.lineWidth = 3;
    pen.strokeStyle = MUTED;
    run.slice(1).forEach((point, i) => {
      if (point.face.expression !== UNCERTAIN) return;
      pen.lineDashOffset = x(run[i].time);
      pen.beginPath();
      pen.moveTo(x(run[i].time), height - STRIP / 2 + 1);
      pen.lineTo(x(point.time), height - STRIP / 2 + 1);
      pen.stroke();
    });
    pen.setLineDash([]);
  }
}

/** The points in runs without a gap. */
function runsOf(points) {
  const runs = [];
  for (const point of points) {
    const run = runs.at(-1);
    if (run && point.time - run.at(-1).time < PAUSE) run.push(point);
    else runs.push([point]);
  }
  return runs;
}

function mostly(points) {
  const counts = new Map();
  for (const { face } of points) counts.set(likeliest(face), (counts.get(likeliest(face)) ?? 0) + 1);
  return [...counts].reduce((best, each) => each[1] > best[1] ? each : best)[0];
}
