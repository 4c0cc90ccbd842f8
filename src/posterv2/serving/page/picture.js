// One picture that was sent: itself, its faces over it and beside it, or what went wrong.

import { drawFaces } from "./drawing.js";
import { element } from "./element.js";
import { listFaces } from "./faces.js";

const SMALLEST_SIDE = 256; // pixels

/** A card for `file`; it says that it waits until `show` or `fail` is called. */
export class PictureCard {
  constructor(file) {
    this.name = file.name || "picture";
    this.address = URL.createObjectURL(file);
    this.result = this.error = null;
    this.picture = element("img", "", [], { alt: this.name, src: this.address });
    this.canvas = element("canvas", "", [], { "aria-hidden": "true" });
    this.stage = element("div", "stage", [this.picture, this.canvas]);
    this.remark = element("p", "remark", "Looking for faces …");
    this.faces = element("ol", "faces");
    const findings = element("div", "findings", [element("h3", "", this.name), this.remark, this.faces]);
    this.root = element("article", "card picture working", [this.stage, findings], { "aria-label": this.name });
    // What the server can read and the browser cannot show, such as TIFF, has its answer all the same.
    this.picture.onerror = () => this.stage.remove();
    this.picture.onload = () => this.#enlarge();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  show(result) {
    this.result = result;
    this.root.classList.remove("working");
    const count = result.faces.length;
    this.remark.textContent = count
      ? `${count === 1 ? "1 face" : `${count} faces`} in ${result.width} × ${result.height} pixels`
      : "No face was found. Faces are found best when they are large, well lit and seen from the front.";
    listFaces(this.faces, result.faces, picked => this.draw(picked));
    this.draw();
  }

  fail(error) {
    this.error = { code: error.code, message: error.message };
    this.root.classList.remove("working");
    this.root.classList.add("failed");
    this.remark.textContent = error.message;
  }

  /** What went wrong, with the picture's name, which the server knows unless it has not read as far. */
  get alert() {
    const { message } = this.error;
    return message.startsWith(this.name) ? message : `${this.name}: ${message}`;
  }

  draw(picked = null) {
    if (this.result && this.canvas.clientWidth) drawFaces(this.canvas, this.result, picked);
  }

  /** Small pictures, such as the crops of data sets, by a whole factor: a label has to fit. */
  #enlarge() {
    const { naturalWidth: width, naturalHeight: height } = this.picture;
    this.picture.width = width * Math.ceil(SMALLEST_SIDE / Math.max(width, height));
  }

  /** What is downloaded of it: the answer, or the error under the picture's name. */
  get answer() {
    return this.result ?? (this.error && { source: this.name, error: this.error });
  }

  remove() {
    URL.revokeObjectURL(this.address);
    this.root.remove();
  }
}
