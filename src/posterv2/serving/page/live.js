// What the camera sees, now and over the last seconds.

import { Camera } from "./camera.js";
import { drawFaces } from "./drawing.js";
import { listFaces } from "./faces.js";
import { Timeline } from "./timeline.js";

const KEPT = 20_000; // newest answers, for download: about half an hour

/** The section `root` with its camera; `say(text, alert)` tells of it, `onChange(on)` that it went on or off. */
export class Live {
  answers = [];
  #result = null;
  #picked = null;
  #starting = false;
  #failing = false;

  constructor(root, server, say, onChange) {
    Object.assign(this, { root, say, onChange });
    this.canvas = root.querySelector(".stage canvas");
    this.now = root.querySelector(".picture");
    this.list = root.querySelector(".faces");
    this.remark = root.querySelector(".findings .remark");
    this.timeline = new Timeline(root.querySelector("#timeline"));
    this.camera = new Camera(root.querySelector("video"), server, {
      onAnswer: answer => this.#show(answer), onEnd: why => this.#ended("", why),
    });
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
  }

  async start() {
    if (this.#starting) return;
    this.#starting = true;
    this.say("Waiting for the camera …");
    try {
      await this.camera.start();
    } catch (error) {
      return this.say("", error.message);
    } finally {
      this.#starting = false;
    }
    this.answers = [];
    this.timeline.reset();
    this.#clear();
    this.remark.textContent = "Waiting for the first answer …";
    this.root.hidden = this.now.hidden = false;
    this.onChange(true);
    this.say("The camera is on.");
  }

  stop() {
    this.camera.stop();
    this.#ended("The camera is off.", "");
  }

  #ended(text, alert) {
    this.#clear();
    this.now.hidden = true;
    this.onChange(false);
    this.say(text, alert);
  }

  #clear() {
    this.#result = this.#picked = null;
    listFaces(this.list, []);
    this.canvas.width = this.canvas.width;
  }

  #show(answer) {
    if (answer.error || this.#failing) this.say("The camera is on.", answer.error?.message ?? "");
    this.#failing = Boolean(answer.error);
    if (answer.error) return;
    this.#result = answer;
    this.answers.push(answer);
    if (this.answers.length > KEPT) this.answers.shift();
    const { faces } = answer;
    this.remark.textContent = faces.length ? "" : "No face in sight.";
    listFaces(this.list, faces, picked => { this.#picked = picked; this.#draw(); });
    this.timeline.add(answer.time, faces);
    this.#draw();
  }

  #draw() {
    if (this.#result && this.canvas.clientWidth) drawFaces(this.canvas, this.#result, this.#picked);
  }
}
