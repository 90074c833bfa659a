// What the person does: keys pressed, questions answered for the shown pair, time spent looking, rests.
// It must not know where an answer goes or how anything is drawn.

const IDLE_MS = 60_000;

/** Keys by position, not by letter, so that every keyboard layout works; the numpad counts too. */
const KEYS = {
  Digit1: ["choose", 1], Numpad1: ["choose", 1], ArrowLeft: ["choose", 1],
  Digit2: ["choose", 2], Numpad2: ["choose", 2], ArrowRight: ["choose", 2],
  Digit3: ["choose", 3], Numpad3: ["choose", 3],
  Digit0: ["choose", 0], Numpad0: ["choose", 0], ArrowDown: ["choose", 0],
  Digit9: ["choose", 9], Numpad9: ["choose", 9],
  KeyU: ["undo"], Backspace: ["undo"],
  KeyR: ["report"], KeyI: ["instructions"], KeyZ: ["zoom"], KeyF: ["latch"], Slash: ["keys"],
};

/** Calls actions.choose(number, pressedAt), .undo(), …, and .flip(true | false) while Space is held. */
export function listen(actions) {
  let held = false;
  const elsewhere = (event) =>
    event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null ||
    event.target.closest?.("input, textarea, select, [contenteditable]") !== null ||
    (event.code.startsWith("Arrow") && event.target.closest?.(".prompt") !== null);

  document.addEventListener("keydown", (event) => {
    if (elsewhere(event)) return;
    if (event.code === "Space") {
      // A button reached by Tab keeps its Space; anywhere else Space flips.
      if (event.target.closest("a, button, summary")) return;
      event.preventDefault();
      if (!event.repeat && !held) actions.flip((held = true));
      return;
    }
    const [name, number] = event.key === "?" ? ["keys"] : KEYS[event.code] ?? [];
    if (!name) return;
    event.preventDefault();
    if (!event.repeat) actions[name](number ?? event.timeStamp, event.timeStamp);
  });
  const release = () => held && actions.flip((held = false));
  document.addEventListener("keyup", (event) => event.code === "Space" && release());
  window.addEventListener("blur", release);
}

/** The same by pointer, on the page's own buttons and its form; `may(id)` says whether a dialog may open. */
export function press({ choose, undo, report, may }) {
  const byId = (id) => document.getElementById(id);
  // After a tap or a click the focus goes back to the page, so that Space flips and does not press.
  const rest = ({ detail, currentTarget }) => detail > 0 && currentTarget.blur();

  for (const button of document.querySelectorAll("[data-choice]")) {
    button.addEventListener("click", (event) => {
      rest(event);
      choose(Number(button.dataset.choice), event.timeStamp);
    });
  }
  byId("undo").addEventListener("click", (event) => {
    rest(event);
    undo();
  });
  for (const id of ["instructions", "report", "keys"]) {
    byId(`open-${id}`).addEventListener("click", ({ currentTarget }) => {
      currentTarget.blur();
      if (may(id)) byId(id).showModal();
    });
  }
  byId("report-form").addEventListener("submit", (event) => {
    const kind = event.submitter?.value ?? "report";
    if (kind === "cancel") return;
    event.preventDefault();
    report(kind, event.currentTarget);
  });
}

const VALUES = { 1: "left", 2: "right", 0: "equal", 9: "bad" };

/**
 * The questions of one pair under the study's protocol, and the answers so far.
 *
 * cascade: the next criterion is asked only after a tie. single: one decision, the criteria are a
 * reminder; perhaps what decided it. full: every criterion, then overall.
 */
export class Judgement {
  answers = {};
  factor = null;
  #path = [];

  constructor(config) {
    this.config = config;
    const { judgement, criteria, words } = config;
    const overall = { key: "overall", label: words.overall, question: words.overall_question };
    this.steps = { cascade: criteria, single: [overall], full: [...criteria, overall] }[judgement];
  }

  get asksFactor() {
    return this.#path.length === this.steps.length;
  }

  get last() {
    return this.#path.at(-1) ?? null;
  }

  /** Takes a key's number: "done" when the pair is answered, "next" for one more question, null for no such answer. */
  choose(number) {
    const { ties, judgement, deciding_factor: wantsFactor, criteria } = this.config;
    if (this.asksFactor) {
      if (number !== 0 && !criteria[number - 1]) return null;
      this.factor = criteria[number - 1]?.key ?? null;
      return "done";
    }
    const value = VALUES[number];
    if (!value || (value === "equal" && ties === "forbid") || (value === "bad" && ties !== "split")) return null;
    this.answers[this.steps[this.#path.length].key] = value;
    this.#path.push(value);
    const decided = value === "left" || value === "right";
    if (judgement === "single" && wantsFactor && decided) return "next";
    return this.asksFactor || (judgement === "cascade" && decided) ? "done" : "next";
  }

  /** Takes the last answer within the pair back. */
  back() {
    delete this.answers[this.steps[this.#path.length - 1].key];
    return this.#path.pop();
  }

  /** What view.question paints. */
  describe() {
    const { judgement, ties, criteria } = this.config;
    const at = this.#path.length;
    const state = (i) => (i < at ? "done" : i === at ? "current" : "coming");
    const line = judgement === "single"
      ? criteria.map(({ label }) => ({ label, state: "coming" }))
      : this.steps.map(({ label }, i) => ({ label, value: this.#path[i], state: state(i) }));
    return {
      ask: this.asksFactor ? this.config.words.decided : this.steps[at].question,
      factor: this.asksFactor ? criteria.map(({ label }) => label) : null,
      next: judgement === "cascade" ? this.steps[at + 1]?.label.toLowerCase() : undefined,
      line,
      ties,
    };
  }
}

/** Milliseconds of looking: the page is visible and somebody moved, pressed or scrolled within a minute. */
export class Clock {
  total = 0; // active time of the session, across pairs
  #pair = 0;
  #started = 0;
  #since = null; // when the running stretch began or was last renewed; null = stopped
  #paused = false;

  constructor() {
    const touched = () => this.touch();
    for (const kind of ["keydown", "pointerdown", "pointermove", "wheel", "touchmove"]) {
      document.addEventListener(kind, touched, { passive: true, capture: true });
    }
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#stop() : this.touch()));
  }

  /** Books the stretch since the last sign of life; more than a minute of silence counts as a minute. */
  touch(now = performance.now()) {
    this.#book(now);
    if (!document.hidden && !this.#paused) this.#since = now;
    this.lastTouch = now;
  }

  start(now = performance.now()) {
    this.touch(now);
    this.#pair = 0;
    this.#started = now;
  }

  read(now = performance.now()) {
    this.#book(now);
    return { active_ms: Math.round(this.#pair), elapsed_ms: Math.round(now - this.#started) };
  }

  pause() {
    this.#stop();
    this.#paused = true;
  }

  resume() {
    this.#paused = false;
    this.touch();
  }

  get idleMs() {
    return performance.now() - (this.lastTouch ?? 0);
  }

  #stop() {
    this.#book(performance.now());
    this.#since = null;
  }

  #book(now) {
    if (this.#since === null) return;
    // Only what is left of the minute after the last sign of life counts.
    const until = Math.min(now, (this.lastTouch ?? now) + IDLE_MS);
    const stretch = Math.max(0, until - this.#since);
    this.#pair += stretch;
    this.total += stretch;
    this.#since = Math.max(this.#since, now);
  }
}

/** Asks for a rest every so many minutes of looking or pairs; always skippable. */
export class Rest {
  #atMs = 0;
  #pairs = 0;

  constructor({ minutes, pairs, clock, dialog, stateNode, say, onClose }) {
    Object.assign(this, { minutes, pairs, clock, dialog, stateNode, say });
    const text = dialog.querySelector("[data-rest-text]");
    const actions = dialog.querySelector("[data-rest-actions]");
    dialog.querySelector("[data-rest-go]").addEventListener("click", () => dialog.close());
    dialog.querySelector("[data-rest-rest]").addEventListener("click", () => {
      actions.hidden = true;
      this.#countDown(text, 120);
    });
    dialog.addEventListener("close", () => {
      clearInterval(this.timer);
      clock.resume();
      this.#atMs = clock.total;
      this.#pairs = 0;
      this.tell();
      onClose();
    });
    this.tell();
    setInterval(() => this.tell(), 15_000);
  }

  tell() {
    this.stateNode.parentElement.hidden = this.minutes === 0;
    const left = Math.max(0, this.minutes - (this.clock.total - this.#atMs) / 60_000);
    this.stateNode.textContent = left < 1 ? this.say("break_soon") : this.say("break_in", { n: Math.ceil(left) });
  }

  /** One more pair is done. True when it is time: the caller then opens the rest. */
  count() {
    this.#pairs += 1;
    // 0 in the protocol offers none.
    const byPairs = this.pairs > 0 && this.#pairs >= this.pairs;
    return byPairs || (this.minutes > 0 && this.clock.total - this.#atMs >= this.minutes * 60_000);
  }

  open() {
    const minutes = Math.round((this.clock.total - this.#atMs) / 60_000);
    const byPairs = this.pairs > 0 && this.#pairs >= this.pairs;
    const words = byPairs ? this.say("rest_pairs", { n: this.#pairs }) : this.say("rest_minutes", { n: minutes });
    this.dialog.querySelector("[data-rest-text]").textContent = words;
    this.dialog.querySelector("[data-rest-actions]").hidden = false;
    this.clock.pause();
    this.dialog.showModal();
  }

  #countDown(text, seconds) {
    const end = performance.now() + seconds * 1000;
    const tick = () => {
      const left = Math.max(0, Math.round((end - performance.now()) / 1000));
      text.textContent = this.say("far_away", { time: `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` });
      if (left === 0) this.dialog.close();
    };
    tick();
    this.timer = setInterval(tick, 1000);
  }
}
