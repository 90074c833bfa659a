// A diversity study's questions: four lines of levels. Digits answer the marked line and move on, Up and Down
// move, Enter submits. It must not know pictures, clocks or where an answer goes.

const byId = (id) => document.getElementById(id);
const DIGIT = /^(?:Digit|Numpad)(\d)$/;
const SUBMIT = "submit";

/** Speaks to main.js as a Judgement of one pair does; begin() empties it for the next pair. */
export class Rating {
  factor = null;
  answers = {};
  #row = 0;
  #path = []; // the rows answered, in order: what Undo takes back

  /** act(number or "submit", at) is the page's own way to answer: it keeps the gate and the clock. */
  constructor(config, act) {
    Object.assign(this, { attributes: config.attributes, levels: config.levels, act });
    this.form = byId("answers");
    this.rows = [...this.form.querySelectorAll(".attr")];
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      act(SUBMIT, event.timeStamp);
    });
    this.rows.forEach((row, i) => {
      // A click waits for the gate like a key: the page decides, and paints what was taken.
      row.addEventListener("click", (event) => {
        const input = event.target.closest("label")?.querySelector("input");
        if (!input || event.target !== input) return;
        event.preventDefault();
        const level = this.levels.find(({ value }) => value === input.value);
        this.#row = i;
        // Browsers put a prevented radio back after the event: paint afterwards.
        setTimeout(() => act(level.digit, event.timeStamp));
        if (event.detail > 0) input.blur();
      });
    });
    this.samples = byId("samples"); // only where the protocol has worked pairs
    byId("open-samples")?.addEventListener("click", () => this.#show());
    document.addEventListener("keydown", (event) => this.#press(event), { capture: true });
  }

  #press(event) {
    const other = event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]");
    if (other || event.target.closest?.("textarea, select, .prompt")) return;
    if (document.body.classList.contains("shows-lesson")) return; // Enter goes on from an explanation
    if (event.code === "KeyE" && this.samples && !event.repeat) this.#show();
    const digit = DIGIT.exec(event.code)?.[1];
    const enter = ["Enter", "NumpadEnter"].includes(event.code) && !event.target.closest?.("a, button");
    const move = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: 0, ArrowRight: 0 }[event.code];
    if (digit === undefined && !enter && move === undefined) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.repeat) return;
    if (digit !== undefined) this.act(Number(digit), event.timeStamp);
    else if (enter) this.act(SUBMIT, event.timeStamp);
    else this.#move(this.#row + move);
  }

  begin() {
    this.answers = {};
    this.#path = [];
    this.#row = 0;
    this.paint();
    return this;
  }

  get complete() {
    return this.rows.every((_, i) => this.attributes[i].key in this.answers);
  }

  /** The words of the last answer, or null. */
  get last() {
    const row = this.#path.at(-1);
    if (row === undefined) return null;
    const { key, label } = this.attributes[row];
    return `${label}: ${this.levels.find(({ value }) => value === this.answers[key]).label}`;
  }

  choose(number) {
    if (number === SUBMIT) {
      if (this.complete) return "done";
      this.#move(this.attributes.findIndex(({ key }) => !(key in this.answers)));
      return null;
    }
    const level = this.levels.find(({ digit }) => digit === number);
    if (!level) return null;
    this.answers[this.attributes[this.#row].key] = level.value;
    this.#path = [...this.#path.filter((row) => row !== this.#row), this.#row];
    const open = this.attributes.findIndex(({ key }, i) => i > this.#row && !(key in this.answers));
    const any = this.attributes.findIndex(({ key }) => !(key in this.answers));
    if (open >= 0 || any >= 0) this.#row = open >= 0 ? open : any;
    return "next";
  }

  back() {
    this.#row = this.#path.pop();
    delete this.answers[this.attributes[this.#row].key];
    this.paint();
  }

  describe() {
    const { label, about } = this.attributes[this.#row];
    return { ask: this.complete ? byId("rate-next").textContent.trim() : `${label}: ${about}` };
  }

  paint() {
    this.rows.forEach((row, i) => {
      const said = this.answers[this.attributes[i].key];
      row.classList.toggle("attr-now", i === this.#row);
      if (i === this.#row) row.setAttribute("aria-current", "step");
      else row.removeAttribute("aria-current");
      for (const input of row.querySelectorAll("input")) input.checked = input.value === said;
    });
    for (const line of this.samples?.querySelectorAll("[data-line]") ?? []) {
      line.hidden = line.dataset.line !== this.attributes[this.#row].key;
    }
    const count = byId("rate-count");
    count.textContent = count.dataset.words.replace("{n}", Object.keys(this.answers).length);
    byId("rate-next").setAttribute("aria-disabled", String(!this.complete));
  }

  #show() {
    this.samples.hidden = !this.samples.hidden;
    byId("open-samples").setAttribute("aria-expanded", String(!this.samples.hidden));
  }

  #move(to) {
    this.#row = Math.max(0, Math.min(this.rows.length - 1, to));
    this.paint();
  }
}
