// Boxes, names and bars over a picture. What is drawn here stands in the list of faces too, for those who cannot see it.

import { MUTED, UNCERTAIN, colourOf, coloursOf, percent } from "./colours.js";

const GAP = 6, PAD = 7, LINE = 17, BAR = 5;
const FONT = "13px system-ui, sans-serif", STRONG = "600 13px system-ui, sans-serif";
const DARK = "rgb(16 18 24 / .88)";

/** Draw a result's faces on a canvas that lies over its picture; `picked` is the face to point out, if any. */
export function drawFaces(canvas, result, picked = null) {
  const width = canvas.clientWidth, height = canvas.clientHeight, sharp = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * sharp);
  canvas.height = Math.round(height * sharp);
  const pen = canvas.getContext("2d");
  pen.scale(sharp, sharp);
  const boxes = result.faces.map(({ box: [x, y, w, h] }) => ({
    x: x * width / result.width, y: y * height / result.height,
    width: w * width / result.width, height: h * height / result.height,
  }));
  const fade = index => { pen.globalAlpha = picked === null || picked === index ? 1 : 0.3; };
  result.faces.forEach((face, index) => {
    fade(index);
    drawBox(pen, boxes[index], face);
  });
  const placed = [];
  result.faces.forEach((face, index) => {
    const others = boxes.filter((_, other) => other !== index);
    const label = place(pen, face, face.track ?? index + 1, boxes[index], [...others, ...placed], { width, height });
    placed.push(label.at);
    fade(index);
    label.draw(label.at);
  });
}

function drawBox(pen, box, face) {
  const line = Math.max(1.5, Math.min(3, box.width / 20)), radius = Math.min(8, box.width / 5);
  const inset = { x: box.x + line / 2, y: box.y + line / 2, width: box.width - line, height: box.height - line };
  pen.beginPath();
  pen.roundRect(inset.x, inset.y, Math.max(0, inset.width), Math.max(0, inset.height), radius);
  // A dark edge keeps the box apart from whatever it lies on.
  pen.setLineDash([]);
  pen.lineWidth = line + 2;
  pen.strokeStyle = DARK;
  pen.stroke();
  pen.setLineDash(face.expression === UNCERTAIN ? [3 * line, 2.5 * line] : []);
  pen.lineWidth = line;
  pen.strokeStyle = colourOf(face);
  pen.stroke();
  pen.setLineDash([]);
}

/** The most telling label that finds a free place: with bars, with the name alone, or, in a crowd, the number. */
function place(pen, face, number, box, taken, area) {
  for (const label of [barsLabel(pen, face, number), nameLabel(pen, face, number)]) {
    const { width, height } = label;
    const places = [
      [box.x + box.width + GAP, box.y], [box.x - GAP - width, box.y],
      [box.x, box.y + box.height + GAP], [box.x, box.y - GAP - height],
      [box.x + box.width - width, box.y + box.height + GAP], [box.x + box.width - width, box.y - GAP - height],
    ];
    // A face that fills its picture leaves room on itself alone.
    if (box.height > 4 * height && box.width > width) places.push([box.x + GAP, box.y + box.height - height - GAP]);
    for (const [x, y] of places) {
      const at = { x, y, width, height };
      if (inside(at, area) && !taken.some(other => overlap(at, other))) return { ...label, at };
    }
  }
  const label = numberLabel(pen, face, number);
  return { ...label, at: { x: box.x, y: box.y, width: label.width, height: label.height } };
}

function inside(at, area) {
  return at.x >= 0 && at.y >= 0 && at.x + at.width <= area.width && at.y + at.height <= area.height;
}

function overlap(one, other) {
  return one.x < other.x + other.width && other.x < one.x + one.width
    && one.y < other.y + other.height && other.y < one.y + one.height;
}

function barsLabel(pen, face, number) {
  const colours = coloursOf(Object.keys(face.probabilities)), uncertain = face.expression === UNCERTAIN;
  const title = uncertain ? `${number}  ${UNCERTAIN}` : String(number);
  const rows = Object.entries(face.probabilities).sort((a, b) => b[1] - a[1]).slice(0, 3)
    .filter(([, share], rank) => rank === 0 || share >= 0.01);
  const texts = rows.map(([name, share], rank) => [rank || uncertain ? name : `${title}  ${name}`, percent(share)]);
  pen.font = STRONG;
  const head = uncertain ? LINE : 0, row = LINE + BAR + 3;
  const wide = Math.max(96, pen.measureText(title).width, ...texts.map(text => pen.measureText(text.join("    ")).width));
  const width = wide + 2 * PAD, height = head + rows.length * row + 2 * PAD - 4;
  const draw = at => {
    card(pen, at, uncertain);
    if (uncertain) write(pen, title, at.x + PAD, at.y + PAD, "#fff", STRONG);
    rows.forEach(([name, share], rank) => {
      const y = at.y + PAD - 1 + head + rank * row, font = rank || uncertain ? FONT : STRONG;
      write(pen, texts[rank][0], at.x + PAD, y, rank ? "#c9cdd3" : "#fff", font);
      pen.textAlign = "right";
      write(pen, texts[rank][1], at.x + PAD + wide, y, rank ? "#c9cdd3" : "#fff", font);
      pen.textAlign = "left";
      pen.fillStyle = "rgb(255 255 255 / .18)";
      pen.fillRect(at.x + PAD, y + LINE - 1, wide, BAR);
      pen.fillStyle = uncertain ? MUTED : colours.get(name);
      pen.fillRect(at.x + PAD, y + LINE - 1, wide * share, BAR);
    });
  };
  return { width, height, draw };
}

function nameLabel(pen, face, number) {
  return textLabel(pen, face, `${number}  ${face.expression}${face.expression === UNCERTAIN ? "" : ` ${percent(face.probability)}`}`);
}

function numberLabel(pen, face, number) {
  return textLabel(pen, face, String(number));
}

function textLabel(pen, face, text) {
  pen.font = STRONG;
  const draw = at => {
    card(pen, at, face.expression === UNCERTAIN);
    write(pen, text, at.x + PAD, at.y + 3, "#fff", STRONG);
  };
  return { width: pen.measureText(text).width + 2 * PAD, height: LINE + 5, draw };
}

function card(pen, at, dashed) {
  pen.beginPath();
  pen.roundRect(at.x, at.y, at.width, at.height, 5);
  pen.fillStyle = DARK;
  pen.fill();
  if (!dashed) return;
  pen.setLineDash([4, 3]);
  pen.lineWidth = 1.5;
  pen.strokeStyle = MUTED;
  pen.stroke();
  pen.setLineDash([]);
}

function write(pen, text, x, y, colour, font) {
  pen.font = font;
  pen.fillStyle = colour;
  pen.textBaseline = "top";
  pen.fillText(text, x, y);
}
