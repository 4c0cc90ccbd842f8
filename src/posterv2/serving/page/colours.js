// The package's own palette: see posterv2/inference/colours.py, which says how it was chosen.

export const UNCERTAIN = "uncertain";
export const MUTED = "#969aa0";

const PALETTE = {
  neutral: "#a1a8ad", happiness: "#ffe11a", surprise: "#f59b5a", sadness: "#4f7fd6",
  anger: "#e8201c", disgust: "#5fe8b0", fear: "#d8aeff", contempt: "#b75373",
};

/** A Map from each name to its colour: the eight expressions have theirs, other classes get the free ones in order. */
export function coloursOf(names) {
  let free = Object.keys(PALETTE).filter(name => !names.includes(name)).reverse().map(name => PALETTE[name]);
  if (!free.length) free = Object.values(PALETTE);
  let strangers = 0;
  return new Map(names.map(name => [name, PALETTE[name] ?? free[strangers++ % free.length]]));
}

/** The likeliest class: the answer itself, or what stands behind `uncertain`. */
export function likeliest(face) {
  return Object.entries(face.probabilities).reduce((best, each) => each[1] > best[1] ? each : best)[0];
}

export function colourOf(face) {
  return face.expression === UNCERTAIN ? MUTED : coloursOf(Object.keys(face.probabilities)).get(face.expression);
}

/** How probable the answer is in words: `uncertain` has no probability of its own, so that of the likeliest is told. */
export function shareOf(face) {
  const share = percent(face.probability);
  return face.expression === UNCERTAIN ? `${likeliest(face)} ${share}` : share;
}

export function percent(share) {
  if (share > 0.99 && share < 1) return "> 99 %"; // nothing is certain
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
}
