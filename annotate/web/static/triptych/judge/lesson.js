// Training: what became of an answer and why, beside and over its pictures, until Enter. Also the way on when a
// training or an exam has ended. It must not know what is right: the server says it in words.

import { leaveFor } from "./view.js";

const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const MARKS = { true: "M3 8.5l3.2 3.2L13 4.8", false: "M4 4l8 8M12 4l-8 8" };

/** An SVG element with these attributes. */
function draw(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

/** Rings { x, y, w, h } as shares of a picture of this size, in an element that lies over it; null for none. */
function cover(rings, [width, height]) {
  if (rings.length === 0) return null;
  // Fitted into its box as the picture is (object-fit: contain).
  const drawing = draw("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  for (const { x, y, w, h } of rings) {
    const where = { cx: (x + w / 2) * width, cy: (y + h / 2) * height, rx: (w / 2) * width, ry: (h / 2) * height };
    for (const kind of ["ring-halo", "ring-line"]) drawing.append(draw("ellipse", { class: kind, ...where }));
  }
  const box = document.createElement("div");
  box.className = "cover";
  box.append(drawing);
  return box;
}

export class Lesson {
  token = null; // of the answer being explained; null when none is
  #said = false;
  #next = null; // the page that follows the last pair

  /** onNext() once the explanation has been read and pairs go on; over(make) lays rings over the pictures. */
  constructor({ trial, onNext, over }) {
    Object.assign(this, { explains: trial === "training", onNext, over });
    if (!this.explains) return;
    byId("lesson-next").addEventListener("click", () => this.#goOn());
    document.addEventListener("keydown", (event) => {
      const elsewhere = event.repeat || document.querySelector("dialog[open]") || event.target.closest("a, button, summary");
      if (["Enter", "NumpadEnter"].includes(event.code) && !elsewhere) this.#goOn();
    });
  }

  get open() {
    return this.token !== null;
  }

  /** The answer is on its way; its pictures stay until it was explained. */
  wait(token) {
    this.token = token;
    this.#said = false;
  }

  /** What the server's reply says of this answer, if it is the one waited for. */
  hear(token, { feedback, next }) {
    this.#next = next ?? this.#next;
    if (feedback && token === this.token) this.#tell(feedback);
    else if (this.#next && !this.open) this.#leave();
  }

  /** Nothing will be explained: the answer was not taken. */
  drop(token) {
    if (token === this.token) this.#close();
  }

  #tell({ right, heading, reason, more, count, rings }) {
    this.#said = true;
    byId("lesson-mark").setAttribute("d", MARKS[right]);
    byId("lesson-heading").textContent = heading;
    byId("lesson-reason").textContent = reason;
    byId("lesson-more").textContent = more;
    byId("trial-words").textContent = count;
    document.body.classList.add("shows-lesson");
    this.over((side, size) => cover(rings.filter((ring) => ring.side === side), size));
    byId("lesson-heading").focus({ preventScroll: true });
  }

  #goOn() {
    if (!this.open || !this.#said) return;
    this.#close();
    if (this.#next) this.#leave();
  }

  #close() {
    this.token = null;
    document.body.classList.remove("shows-lesson");
    this.onNext();
  }

  #leave() {
    leaveFor(this.#next);
  }
}
