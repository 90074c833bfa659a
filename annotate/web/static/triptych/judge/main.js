// The judging screen: which pair is shown, when answers open, what an answer leads to.
// Drawing is view.js and look.js, keeping and sending outbox.js, keys and time person.js.

import { call, Outbox, Refused, troubleOf } from "./outbox.js";
import { Clock, Judgement, listen, press, Rest } from "./person.js";
import { Look } from "./look.js";
import * as view from "./view.js";

const byId = (id) => document.getElementById(id);
const read = (id) => JSON.parse(byId(id).textContent), config = read("config");
const HAND = config.hand ?? 3; // the shown pair and those fetched ahead
// Asked for where they are needed only: ordinary work does without.
const { Lesson } = config.trial ? await import("./lesson.js") : {};
const { Rating } = config.attributes ? await import("./diversity.js") : {};

let hand = []; // entries { task, pictures: [left, right], context, since }; the first is shown
let progress = { done: 0, left: 0 }, state = "open";
let judgement = null;
let painted = false; // the shown pair is on the screen and its clock runs
let open = false; // answers are open
let hasty = false; // a key was pressed for the shown pair before they were
let begun = false; // the page's own hand has been read
let pressedAt = null; // the key press that answered the last pair, until the next one is painted
let busy = false; // a report or an undo is on its way
let last = null; // the answer that may still be undone: { token, task, value, at }; survives a reload
let refillTimer, openTimer, asking = false; // a hand is on its way
let unsure = false; // an answer may be counted twice: the server's own count is to be asked for
let settled = 0; // answers that were stored or dropped
// Tokens stored by the server outlive a reload: its page may be older than what the last one sent as it left.
const HEARD = `triptych:heard:${config.study}/${config.annotator}`;
const heard = JSON.parse(sessionStorage.getItem(HEARD) ?? "[]").slice(-4 * HAND);
const judged = new Set(heard); // also answered here or in another tab: never shown again

const clock = new Clock();
const rest = new Rest({
  minutes: config.break_minutes, pairs: config.break_pairs, clock, dialog: byId("rest"), stateNode: byId("break-text"), say: view.say,
  onClose: () => painted && started(performance.now()),
});
const outbox = new Outbox({
  scope: `${config.study}/${config.annotator}`,
  urls: config.urls,
  have: (token) => [...hand.map(({ task }) => task.token), ...outbox.records.keys()].filter((one) => one !== token),
  on: { change: tellState, sent, dropped, elsewhere: (token) => leave(token, view.say("other_tab")) },
});
const lesson = Lesson ? new Lesson({ trial: config.trial, onNext: () => show(), over: (make) => look.cover(make) })
  : { open: false, drop() {}, hear: (_, { next }) => next && view.leaveFor(next) };
const rating = Rating ? new Rating(config, choose) : null;
const look = new Look({ stage: byId("stage"), config, onChange: arranged });

// --- the hand ---

/**
 * Takes what the server sent: new tasks to the end, a reopened one to the front. Of the tokens in
 * `asked` (the hand when we asked), those the server no longer gives us have been passed on.
 */
function take(reply, { front = false, asked = null } = {}) {
  const before = { shown: hand[0], state };
  progress = reply.progress ?? progress;
  state = reply.state ?? state;
  const tasks = reply.tasks ?? [];
  if (asked) {
    const ours = new Set(tasks.map(({ token }) => token));
    for (const entry of hand.filter(({ task }) => asked.includes(task.token) && !ours.has(task.token))) {
      leave(entry.task.token, view.say("passed_on"));
    }
  }
  const known = new Set([...judged, ...outbox.records.keys(), ...hand.map(({ task }) => task.token)]);
  const fresh = tasks.filter(({ token }) => !known.has(token)).map(prefetch);
  hand = front ? [...fresh, ...hand] : [...hand, ...fresh];
  // A reopened pair takes the place of the last prefetched one, which the server gives to others.
  for (const token of reply.dropped ?? []) leave(token, "");
  if (hand[0] !== before.shown || state !== before.state) show();
  tellState();
}

const prefetch = (task) => view.loadPair(task, (entry) =>
  entry === hand[0] && view.moment(view.say("picture_trouble")));

/** The pair is no longer ours to judge; if it was on the screen, say why and show the next. */
function leave(token, why) {
  judged.add(token);
  const index = hand.findIndex(({ task }) => task.token === token);
  if (index < 0) return;
  for (const picture of hand[index].all) picture.dropped = true;
  hand.splice(index, 1);
  if (index > 0) return;
  show();
  view.hint(why);
}

/** Asks for the whole hand when ours has run low; comes back by itself while there is none to show. */
async function refill(afterMs = 0) {
  clearTimeout(refillTimer);
  if (afterMs) {
    refillTimer = setTimeout(refill, afterMs);
    return;
  }
  if (asking || outbox.size > outbox.parked) return;
  asking = true;
  unsure = false;
  const asked = hand.map(({ task }) => task.token), before = settled;
  try {
    const reply = await call(config.urls.hand);
    outbox.trouble = null;
    take(reply, { asked });
    // An answer went its way meanwhile: whether the reply counts it, nobody here can know.
    unsure ||= settled !== before || outbox.size > outbox.parked;
    lesson.hear(null, reply);
    if (state === "paused" || (hand.length === 0 && progress.left > 0)) refill(15_000);
    else if (hand.length === 0) refill(60_000);
  } catch (error) {
    outbox.trouble = troubleOf(error);
    lesson.hear(null, error.body ?? {}); // training and exam come first
    refill(5000);
  } finally {
    asking = false;
    tellState();
    if (unsure) refill(1);
  }
}

// --- the shown pair ---

/** Shows the first of the hand, or says why there is none. */
function show() {
  if (lesson.open) return;
  clearTimeout(openTimer);
  painted = open = hasty = false;
  view.open(false);
  view.endMoment();
  const entry = state === "open" ? hand[0] : undefined;
  if (!entry) {
    look.clear();
    tellState();
    // A paused study is asked after until it is open again.
    if (hand.length < HAND || state === "paused") refill(1);
    return;
  }
  judgement = rating?.begin() ?? new Judgement(config);
  tellState();
  view.prompt(entry.task);
  ask();
  const put = () => {
    if (entry !== hand[0]) return;
    look.reset(entry.task, entry.pictures.map(({ image }) => image), entry.context?.image ?? null);
    view.afterPaint((now) => entry === hand[0] && started(now));
  };
  if (entry.all.every(({ decoded }) => decoded)) put();
  else {
    look.clear();
    Promise.all(entry.all.map(({ ready }) => ready)).then(put);
  }
  if (performance.now() - entry.since > config.lease_seconds * 500) renew();
}

/** The pair is painted: its clock starts, and answers open after the minimum viewing time. */
function started(now) {
  painted = true;
  open = false;
  view.open(false);
  clock.start(now);
  // Who pressed a key while the pictures were coming reads on, until answers open.
  if (view.endMoment() && hasty) view.moment(view.say("moment_look"));
  clearTimeout(openTimer);
  if (pressedAt !== null) performance.measure("triptych:next-pair", { start: pressedAt, end: now });
  pressedAt = null;
  view.announce(view.say("pair", { number: progress.done + outbox.size + 1, question: judgement.describe().ask }));
  openTimer = setTimeout(() => {
    open = true;
    view.open(true);
    view.endMoment();
  }, config.min_view_ms);
}

function ask() {
  rating ? rating.paint() : view.question(judgement.describe());
  offerUndo();
}

function choose(number, at) {
  if (view.showsNote() || busy || !judgement) return;
  if (!open) {
    hasty = true;
    view.moment(view.say(painted ? "moment_look" : "moment_load"));
    return;
  }
  const outcome = judgement.choose(number);
  if (outcome === "done") submit(at);
  else if (outcome === "next") {
    ask();
    view.announce(judgement.describe().ask);
  } else if (rating) view.hint(byId("hint").dataset.wait);
}

/** Keeps the answer on this device, shows the next pair, and lets the outbox send. */
function submit(at) {
  pressedAt = at;
  const { task } = hand.shift();
  const { answers, factor } = judgement;
  const body = { answers, factor, ...clock.read(), display: look.display(), ...look.log() };
  judged.add(task.token);
  remember({ token: task.token, task, value: judgement.last, at: Date.now() });
  if (lesson.explains) {
    lesson.wait(task.token); // the pictures stay: the answer is explained beside them
    judgement = null;
    view.open(open = false);
  }
  outbox.add({ token: task.token, body, task, at: last.at });
  const due = rest.count();
  show();
  if (due) rest.open();
  setTimeout(offerUndo, config.undo_seconds * 1000 + 50);
}

// --- what became of an answer ---

function sent(record, reply, mine) {
  settled += 1;
  // An earlier visit's answer may be sent before the hand in the page is read: not to be asked again.
  judged.add(record.token);
  heard.push(record.token);
  sessionStorage.setItem(HEARD, JSON.stringify(heard.slice(-4 * HAND)));
  // The count of the page holds whatever the server had before it: an earlier visit's answer that
  // the server knew already (200) is in it, or was stored while the page was on its way.
  const counted = !mine && reply.status === 200 ? 0 : 1;
  const { done, left } = progress;
  const later = { ...progress, done: done + counted, left: Math.max(0, left - counted) };
  // An answer of another tab or an earlier visit: its new pairs belong there; ours come when we run low.
  take({ progress: later, ...reply, ...(mine ? {} : { tasks: [] }) });
  lesson.hear(record.token, reply);
  if (!mine && reply.status === 200) unsure = true;
  if (hand.length < HAND && progress.left > hand.length) refill(mine && hand.length > 0 ? 2000 : 1);
  // One's own pairs are done: whether everybody's are, only the server knows.
  else if (outbox.size === 0 && (hand.length === 0 || unsure)) refill(1);
}

function dropped(record, body) {
  settled += 1;
  judged.add(record.token);
  if (last?.token === record.token) remember(null);
  lesson.drop(record.token);
  view.hint(body.message ?? view.say("not_needed"));
  offerUndo();
  unsure = true; // the page had counted it as answered
  refill(1);
}

// --- undo ---

const memory = `triptych:last:${config.study}/${config.annotator}`;

function remember(answer) {
  last = answer;
  if (answer) sessionStorage.setItem(memory, JSON.stringify(answer));
  else sessionStorage.removeItem(memory);
}

function undoable() {
  return last !== null && Date.now() - last.at < config.undo_seconds * 1000;
}

function offerUndo() {
  if (judgement?.last) view.undo(view.say("undo", { answer: view.quoted(judgement.last) }));
  else view.undo(undoable() && !busy ? view.say("undo_last", { answer: view.quoted(last.value) }) : null);
}

/** Within the pair: one question back. Else the last pair opens again, from this device or the server. */
async function undo() {
  if (busy) return;
  if (judgement?.last && !view.showsNote()) {
    judgement.back();
    ask();
    return;
  }
  if (!undoable()) {
    view.hint(view.say("no_undo"));
    return;
  }
  busy = true;
  view.hint(view.say("undoing"));
  const { token, task } = last;
  try {
    const kept = await outbox.takeBack(token);
    if (kept) {
      judged.delete(token);
      // Tried without an answer from the server: it may have it after all, the outbox then replaces it.
      take({ tasks: [{ ...task, reopened: true, revised: kept.tried || kept.revised }] }, { front: true });
    } else {
      take(await call(config.urls.undo, { token }), { front: true });
    }
    remember(null);
    view.hint(view.say("undone"));
    view.announce(view.say("undone"));
  } catch (error) {
    if (error instanceof Refused && error.status === 409) remember(null);
    view.hint(error.body?.message ?? view.say("undo_offline"));
  } finally {
    busy = false;
    offerUndo();
  }
}

// --- report, skip, lease ---

const reportable = () => hand.length > 0 && !view.showsNote();

async function report(kind, form) {
  const [entry] = hand;
  if (!entry || busy) return;
  busy = true;
  const { token } = entry.task;
  const problem = byId("report-problem");
  problem.hidden = true;
  try {
    const { reason, comment } = Object.fromEntries(new FormData(form));
    const body = kind === "skip" ? { token } : { token, reason, comment };
    const reply = await call(config.urls[kind], body);
    finished(view.say(kind === "skip" ? "skipped" : "reported"));
    take(reply);
  } catch (error) {
    if (error instanceof Refused && [404, 409].includes(error.status)) {
      finished(error.body.message ?? view.say("had_passed"));
    } else {
      problem.textContent = view.say("unsendable");
      problem.hidden = false;
    }
  } finally {
    busy = false;
  }

  function finished(words) {
    byId("report").close();
    form.reset();
    leave(token, words);
  }
}

/** Keeps the shown pair ours while somebody is there; whoever has left loses it, as is fair. */
async function renew() {
  const [entry] = hand;
  if (!entry || document.hidden || clock.idleMs > config.lease_seconds * 1000) return;
  try {
    await call(config.urls.renew, { token: entry.task.token });
    entry.since = performance.now();
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 409) return;
    leave(entry.task.token, view.say("passed_on"));
    refill(1);
  }
}

// --- words about the state of things ---

function tellState() {
  if (!begun) return;
  const count = outbox.size;
  view.progress({ done: progress.done + count, left: Math.max(0, progress.left - count) });
  view.unsent(count);
  const situation = {
    layout: document.body.dataset.layout, state, count, asking, progress, inHand: hand.length + lesson.open, overlap: config.overlap,
    trouble: outbox.trouble, parked: outbox.parked, durable: outbox.store?.durable ?? true,
  };
  view.banner(...view.bannerWords(situation));
  const hidden = view.showsNote();
  view.note(view.noteWords(situation));
  // The pair comes back into sight: it must be looked at afresh.
  if (hidden && !view.showsNote() && painted) started(performance.now());
}

function arranged(how) {
  view.zoomWords(how);
  tellState();
}

// --- wiring ---

listen({
  choose,
  undo,
  flip: (on) => painted && look.hold(on),
  latch: () => painted && look.latch(),
  zoom: () => painted && look.toggleZoom(),
  report: () => !config.trial && reportable() && byId("report").showModal(),
  instructions: () => byId("instructions").showModal(),
  keys: () => byId("keys").showModal(),
});
press({ choose, undo, report, may: (id) => id !== "report" || reportable() });
// The annotator's own page links here for those who want to read first.
if (location.hash === "#instructions") byId("instructions").showModal();
setInterval(renew, (config.lease_seconds * 1000) / 3);
document.addEventListener("visibilitychange", renew);

const { tasks, ...counted } = read("hand");
({ progress, state } = counted); // before anything is sent, which is counted on top
unsure = tasks.some(({ token }) => judged.has(token)); // older than an answer that it should count
await outbox.open(); // what an earlier visit left unsent goes first, and its pairs are not shown again
last = JSON.parse(sessionStorage.getItem(memory) ?? "null");
begun = true;
take({ tasks });
hand.length === 0 ? show() : unsure && refill(1);
