// The pictures that were given to the page, each sent on its own: what is wrong with one says nothing about the others.

import { PictureCard } from "./picture.js";

const AT_ONCE = 2; // on their way to the server: one is looked at while the next arrives

const count = (number, what) => `${number || "no"} ${what}${number === 1 ? "" : "s"}`;

/** The section `root` with its pictures; `say(text, alert)` tells how far it is. */
export class Gallery {
  #cards = [];
  #waiting = [];
  #working = 0;

  constructor(root, server, say) {
    Object.assign(this, { root, server, say });
  }

  get answers() {
    return this.#cards.map(card => card.answer).filter(answer => answer);
  }

  /** Show and send `files`, the newest ones first on the page and last in `answers`. */
  add(files) {
    if (!files.length) return;
    const fresh = [...files].map(file => ({ file, card: new PictureCard(file) }));
    this.root.hidden = false;
    this.root.querySelector(".pictures").prepend(...fresh.map(({ card }) => card.root));
    this.#cards.push(...fresh.map(({ card }) => card));
    this.#waiting.push(...fresh);
    while (this.#working < AT_ONCE && this.#waiting.length) this.#work();
  }

  clear() {
    this.#cards.forEach(card => card.remove());
    this.#cards = [];
    this.#waiting = [];
    this.root.hidden = true;
    this.say("");
  }

  async #work() {
    this.#working++;
    while (this.#waiting.length) {
      const { file, card } = this.#waiting.shift();
      this.#tell();
      try {
        card.show(await this.server.predict(file));
      } catch (error) {
        card.fail(error);
      }
      this.#tell();
    }
    this.#working--;
  }

  #tell() {
    if (!this.#cards.length) return;
    const failed = this.#cards.filter(card => card.error), found = this.#cards.filter(card => card.result);
    const open = this.#cards.length - failed.length - found.length;
    const faces = found.reduce((sum, card) => sum + card.result.faces.length, 0);
    const text = open ? `Looking at ${count(open, "picture")} …`
      : found.length ? `Done: ${count(faces, "face")} in ${count(found.length, "picture")}.` : "";
    this.say(text, failed.length ? failed.at(-1).alert : "");
  }
}
