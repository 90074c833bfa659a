// Paints the bench: prompt, question, answers, words. It holds no state of the work and calls no server.

const byId = (id) => document.getElementById(id);
const LONG_PROMPT = 260; // characters from which the prompt is set one size smaller
const HINT_MS = 4000;
const { words: WORDS } = JSON.parse(byId("config").textContent);
const plural = new Intl.PluralRules(document.documentElement.lang);

/**
 * The words of this name in the reader's language (annotate/web/bench_words.py), their {braces} filled
 * in. Words that differ by number have a form for a number of each kind; `values.n` says which is due.
 */
export function say(name, values = {}) {
  let words = WORDS[name];
  if (typeof words === "object") {
    const like = Object.keys(words).find((number) => plural.select(Number(number)) === plural.select(values.n));
    words = words[like ?? "other"];
  }
  return words.replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
}

const nodes = {
  hint: byId("hint"), live: byId("live"), foot: document.querySelector(".foot"),
  note: byId("note"), noteText: byId("note-text"), banner: byId("banner"), bannerText: byId("banner-text"),
  bannerLink: byId("banner-link"), unsent: byId("unsent"), unsentWords: byId("unsent-words"),
  progress: byId("progress"), progressText: byId("progress-text"),
  prompt: byId("prompt-text"), stage: byId("stage"), contextRole: byId("context-role"),
  steps: byId("steps"), question: byId("question"), undo: byId("undo"), undoText: byId("undo-text"),
  choices: byId("choices"), factors: byId("factors"), zoom: byId("zoom-text"),
};

/**
 * Loads and decodes one picture, trying again until it is there or `dropped` is set: a network that
 * is away must not cost a pair. `onTrouble` after the second failure.
 */
export function loadPicture(url, alt, onTrouble) {
  const image = new Image();
  // Decoded pictures are painted in the very frame they are put in: never one before the other.
  Object.assign(image, { alt, decoding: "sync", draggable: false });
  const picture = { image, decoded: false, dropped: false };
  picture.ready = (async () => {
    for (let failures = 0; !picture.dropped; ) {
      image.src = url;
      try {
        await image.decode();
        picture.decoded = true;
        return;
      } catch {
        failures += 1;
        if (failures > 1) onTrouble();
        await new Promise((resolve) => {
          setTimeout(resolve, Math.min(15_000, 500 * 2 ** failures));
          window.addEventListener("online", resolve, { once: true });
        });
        image.removeAttribute("src");
      }
    }
  })();
  return picture;
}

/** Starts the downloads of a pair: always left before right, whatever they are. `onTrouble(entry)` as above. */
export function loadPair(task, onTrouble) {
  const entry = { task, since: performance.now() };
  const trouble = () => onTrouble(entry);
  entry.pictures = [1, 2].map((side) => loadPicture(task.images[side - 1], say("picture", { side }), trouble));
  entry.context = (task.context ?? null) && loadPicture(task.context.url, task.context.role, trouble);
  entry.all = [...entry.pictures, ...(entry.context ? [entry.context] : [])];
  return entry;
}

/** Calls back once what was just put into the page has been painted. */
export function afterPaint(act) {
  requestAnimationFrame(() => requestAnimationFrame(() => act(performance.now())));
}

let hintTimer;
let momentary = false;

/** One line in the place of the key list, for a few seconds; empty takes it away. */
export function hint(words) {
  clearTimeout(hintTimer);
  momentary = false;
  nodes.hint.textContent = words;
  nodes.foot.classList.toggle("speaks", words !== "");
  if (words) hintTimer = setTimeout(() => hint(""), HINT_MS);
}

/** The same line for as long as answers are not open yet: see endMoment. */
export function moment(words) {
  hint(words);
  clearTimeout(hintTimer);
  momentary = true;
}

/** Takes that line away, and says whether there was one. */
export function endMoment() {
  const was = momentary;
  if (was) hint("");
  return was;
}

let leaving = false;
window.addEventListener("pageshow", () => { leaving = false; });

/** Goes to another page, once: a second call would break off the first one's way there. */
export function leaveFor(url) {
  if (!leaving) window.location.assign(url);
  leaving = true;
}

export function prompt(task) {
  nodes.prompt.textContent = task.prompt;
  nodes.prompt.classList.toggle("prompt-long", task.prompt.length > LONG_PROMPT);
  const box = nodes.prompt.parentElement;
  box.scrollTop = 0;
  // A prompt too long for its box is scrolled by keys as well.
  if (box.scrollHeight > box.clientHeight) box.tabIndex = 0;
  else box.removeAttribute("tabindex");
  nodes.stage.classList.toggle("has-context", task.context !== null);
  nodes.stage.querySelector(".pane-context").hidden = task.context === null;
  const role = task.context?.role ?? "";
  nodes.contextRole.textContent = role.charAt(0).toUpperCase() + role.slice(1);
}

const valueWords = (value) => (["left", "right", "equal", "bad"].includes(value) ? say(value) : value);

function stepItem({ label, value, state }) {
  const item = document.createElement("li");
  if (state === "done") item.append(byId("tick").content.cloneNode(true));
  if (state === "current") item.setAttribute("aria-current", "step");
  item.append(value === undefined ? label : `${label}: ${valueWords(value)}`);
  return item;
}

/** The question now asked, the line of questions around it, and the buttons that answer it. */
export function question({ ask, line, factor, next, ties }) {
  nodes.steps.replaceChildren(...line.map(stepItem));
  nodes.question.textContent = ask;
  nodes.choices.hidden = factor !== null;
  nodes.factors.hidden = factor === null;
  nodes.choices.className = `choices${{ split: " is-split", forbid: " is-forced" }[ties] ?? ""}`;
  nodes.choices.querySelector(".choice-equal").hidden = ties === "forbid";
  nodes.choices.querySelector(".choice-bad").hidden = ties !== "split";
  byId("equal-words").textContent = say(ties === "split" ? "equally_good" : "about_equal");
  // Four buttons in a row leave no room for the reminder; the line of questions says it too.
  byId("equal-next").textContent = next && ties !== "split" ? say("then", { question: next }) : "";
  if (factor === null) return;
  const buttons = nodes.factors.querySelectorAll(".choice");
  buttons.forEach((button, i) => {
    const known = i < factor.length;
    button.hidden = !known && i < buttons.length - 1;
    if (known) button.querySelector("span").textContent = factor[i];
  });
}

export function open(isOpen) {
  for (const button of document.querySelectorAll(".choice")) {
    button.setAttribute("aria-disabled", String(!isOpen));
  }
  if (isOpen) document.documentElement.dataset.ready = "1";
  else delete document.documentElement.dataset.ready;
}

/** `words` names what would be undone; null when there is nothing. */
export function undo(words) {
  nodes.undo.setAttribute("aria-disabled", String(words === null));
  nodes.undo.tabIndex = words === null ? -1 : 0;
  if (words !== null) nodes.undoText.textContent = words;
}

export const quoted = (value) => say("quoted", { answer: valueWords(value) });

export function progress({ done, left }) {
  nodes.progress.max = Math.max(1, done + left);
  nodes.progress.value = done;
  nodes.progress.textContent = `${done} / ${done + left}`;
  nodes.progress.hidden = nodes.progressText.hidden = done + left === 0;
  nodes.progressText.textContent = `${done} / ${done + left}`;
}

export function unsent(count) {
  nodes.unsent.hidden = false;
  nodes.unsent.classList.toggle("is-waiting", count > 0);
  nodes.unsent.querySelector(".icon").toggleAttribute("hidden", count === 0);
  const words = count === 0 ? say("saved") : say("waiting", { n: count });
  if (nodes.unsentWords.textContent !== words) nodes.unsentWords.textContent = words;
}

/** What holds the work up, in words; null takes it away. `link` = [words, address]. */
export function banner(words, link = null) {
  nodes.banner.hidden = words === null;
  nodes.bannerLink.hidden = link === null;
  if (words !== null && nodes.bannerText.textContent !== words) nodes.bannerText.textContent = words;
  if (link) [nodes.bannerLink.textContent, nodes.bannerLink.href] = link;
}

/** A calm page of words in place of the pair; null brings the pair back. */
export function note(words) {
  document.body.classList.toggle("shows-note", words !== null);
  if (words !== null && nodes.noteText.textContent !== words) nodes.noteText.textContent = words;
}

export const showsNote = () => document.body.classList.contains("shows-note");

const kept = (count) => (count ? say("kept", { n: count }) : "");
const sentences = (...said) => said.filter(Boolean).join(" ");

/** Why no pair can be shown, in words, or null when one can. */
export function noteWords({ layout, state, count, asking, progress: { done, left, complete }, inHand, overlap, trouble }) {
  if (layout === "note") return sentences(say("too_narrow"), kept(count), say("larger"));
  if (state === "paused") return say("paused");
  if (state === "closed" || state === "archived") return sentences(say("closed"), say("thanks", { n: done + count }));
  if (inHand > 0) return null;
  if (trouble === "login") return say("log_in_again");
  if (trouble) return sentences(say("offline"), kept(count), say("offline_wait"));
  if (count > 0 || asking) return say("coming");
  if (left > 0) return say("with_others");
  const thanks = say("thanks", { n: done });
  if (complete === false) return sentences(say("nothing_for_you"), thanks);
  const each = `nothing_${overlap ?? 3}`;
  return sentences(say(each in WORDS ? each : "nothing"), thanks);
}

/** What holds the work up while pairs can still be judged: [words or null, link or null]. */
export function bannerWords({ count, trouble, parked, durable }) {
  if (trouble === "login") {
    const safe = count ? say("kept_login", { n: count }) : "";
    return [sentences(say("logged_out"), safe), [say("log_in"), window.location.href]];
  }
  if (parked > 0) return [say("parked", { n: parked })];
  if (!durable && count > 0) return [say("tab_only", { n: count })];
  if (count > 3) return [sentences(say("offline"), kept(count), say("offline_go_on"))];
  return [null];
}

/** For ears: a new pair or what became of the last one. */
export function announce(words) {
  nodes.live.textContent = words;
}

export function zoomWords({ zoomed, magnification }) {
  const percent = Math.round(magnification * 100);
  nodes.zoom.textContent = say(zoomed ? "zoom" : "zoom_fit", { percent });
}
