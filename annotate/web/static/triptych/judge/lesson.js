// Training: what became of an answer and why, beside its pictures, until Enter. Also the way on when a
// training or an exam has ended. It must not know what is right: the server says it in words.

const byId = (id) => document.getElementById(id);
const MARKS = { true: "M3 8.5l3.2 3.2L13 4.8", false: "M4 4l8 8M12 4l-8 8" };

export class Lesson {
  token = null; // of the answer being explained; null when none is
  #said = false;
  #next = null; // the page that follows the last pair

  /** onNext() once the explanation has been read and pairs go on. */
  constructor({ trial, onNext }) {
    Object.assign(this, { explains: trial === "training", onNext });
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

  #tell({ right, heading, reason, more, count }) {
    this.#said = true;
    byId("lesson-mark").setAttribute("d", MARKS[right]);
    byId("lesson-heading").textContent = heading;
    byId("lesson-reason").textContent = reason;
    byId("lesson-more").textContent = more;
    byId("trial-words").textContent = count;
    document.body.classList.add("shows-lesson");
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
    window.location.assign(this.#next);
  }
}
