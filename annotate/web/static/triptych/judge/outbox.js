// Keeps answers on this device until the server has them, and makes every call to the server.
// It must not know what a pair looks like or how anything is drawn.

const TIMEOUT_MS = 15_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/** The server answered, but not with success. `body` is its JSON, or {} when it sent none. */
export class Refused extends Error {
  constructor(status, body, retryAfterMs = 0) {
    super(`the server answered ${status}`);
    Object.assign(this, { status, body, retryAfterMs });
  }
}

/** What kind of trouble an error of `call` is: nobody answered, logged out, or the server is busy. */
export function troubleOf(error) {
  if (!(error instanceof Refused)) return "offline";
  return [401, 403].includes(error.status) ? "login" : "busy";
}

/** The freshest CSRF token: another tab may have logged in again since this page was rendered. */
function csrfToken() {
  const cookie = document.cookie.match(/(?:^|;\s*)(?:__Host-csrf|csrftoken)=([^;]+)/);
  return cookie?.[1] ?? document.querySelector('meta[name="csrf-token"]')?.content ?? "";
}

/** GET without a body, POST with one. Throws Refused, or what fetch throws when nobody answered. */
export async function call(url, body) {
  const response = await fetch(url, {
    method: body === undefined ? "GET" : "POST",
    headers: body === undefined
      ? { Accept: "application/json" }
      : { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  // A redirect is the way to the log-in page; a 2xx without JSON is not our server (a hotel's portal).
  if (response.type === "opaqueredirect") throw new Refused(401, {});
  const json = response.headers.get("Content-Type")?.includes("json");
  const reply = json ? await response.json() : {};
  if (response.ok && json) return { ...reply, status: response.status };
  const retryAfterMs = 1000 * (Number.parseFloat(response.headers.get("Retry-After")) || 0);
  throw new Refused(response.ok ? 502 : response.status, reply, retryAfterMs);
}

/** One object store, one key per answer. Where the browser has none (private windows), memory. */
class Store {
  static async open() {
    const store = new Store();
    try {
      store.db = await new Promise((resolve, reject) => {
        const request = indexedDB.open("triptych", 1);
        request.onupgradeneeded = () => request.result.createObjectStore("outbox", { keyPath: "key" });
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    } catch {
      store.memory = new Map();
    }
    return store;
  }

  get durable() {
    return !this.memory;
  }

  #run(mode, act) {
    return new Promise((resolve, reject) => {
      const transaction = this.db.transaction("outbox", mode, { durability: "strict" });
      const request = act(transaction.objectStore("outbox"));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  }

  async put(record) {
    if (this.memory) this.memory.set(record.key, record);
    else await this.#run("readwrite", (rows) => rows.put(record));
  }

  async delete(key) {
    if (this.memory) this.memory.delete(key);
    else await this.#run("readwrite", (rows) => rows.delete(key));
  }

  async all(scope) {
    const rows = this.memory
      ? [...this.memory.values()]
      : await this.#run("readonly", (all) => all.getAll(IDBKeyRange.bound(`${scope}/`, `${scope}/\uffff`)));
    return rows.sort((a, b) => a.at - b.at);
  }
}

/**
 * Answers of one annotator in one study, shared by all tabs.
 *
 * Every tab may send every answer: one at a time under a lock, looked up again inside it. Should two
 * tabs send one all the same (no Web Locks), the lease token makes the second harmless.
 *
 * `on`: change() | sent(record, reply, mine) | dropped(record, body) | elsewhere(token)
 */
export class Outbox {
  records = new Map();
  trouble = null; // null | "offline" | "busy" | "login"
  #parked = new Set(); // refused for a reason that sending again cannot change; tried again on a reload
  #failures = 0;
  #draining = false;
  #wake = () => {};
  #chain = Promise.resolve();
  #tab = crypto.getRandomValues(new Uint32Array(2)).join("-");

  constructor({ scope, urls, have, on }) {
    Object.assign(this, { scope, urls, have, on });
  }

  async open() {
    this.store = await Store.open();
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel(`triptych:${this.scope}`) : null;
    this.channel?.addEventListener("message", ({ data }) => this.#hear(data));
    window.addEventListener("online", () => this.kick());
    document.addEventListener("visibilitychange", () => document.hidden || this.kick());
    await this.#refresh();
    this.kick();
  }

  get size() {
    return this.records.size;
  }

  get parked() {
    return this.#parked.size;
  }

  /** Takes an answer; the promise holds once it is on the device. Sending goes on by itself. */
  async add({ token, body, task, at }) {
    const record = { key: `${this.scope}/${token}`, token, body, task, at, tab: this.#tab };
    record.revised = this.records.get(token)?.revised ?? task.revised ?? false;
    this.records.set(token, record);
    this.on.change();
    try {
      await this.store.put(record);
    } catch {
      this.store.memory ??= new Map([...this.records.values()].map((kept) => [kept.key, kept]));
    }
    this.channel?.postMessage({ kind: "kept", token, tab: this.#tab });
    this.#drain();
  }

  /** Takes an unsent answer back: its record, or null when the server has it. Waits for one on its way. */
  takeBack(token) {
    return this.#alone(async () => {
      const record = this.records.get(token);
      if (!record) return null;
      await this.#forget(token);
      this.on.change();
      return record;
    });
  }

  /** Try now: the network is back, or somebody looks at the page again. */
  kick() {
    this.#wake();
    this.#drain();
  }

  #alone(act) {
    if (navigator.locks) return navigator.locks.request(`triptych:${this.scope}`, act);
    const turn = this.#chain.then(act);
    this.#chain = turn.catch(() => {});
    return turn;
  }

  async #refresh() {
    const rows = await this.store.all(this.scope);
    for (const row of rows) if (!this.records.has(row.token)) this.records.set(row.token, { ...row, tried: true });
    this.on.change();
  }

  async #forget(token) {
    this.records.delete(token);
    this.#parked.delete(token);
    await this.store.delete(`${this.scope}/${token}`);
  }

  #hear({ kind, token, tab, reply }) {
    if (tab === this.#tab) return;
    if (kind === "kept") {
      this.on.elsewhere(token);
      this.#refresh().then(() => this.#drain());
      return;
    }
    const record = this.records.get(token);
    this.records.delete(token);
    this.on.change();
    if (record && kind === "sent") this.on.sent(record, reply, record.tab === this.#tab);
    if (record && kind === "dropped") this.on.dropped(record, reply);
  }

  async #drain() {
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let record; (record = [...this.records.values()].find((one) => !this.#parked.has(one.token))); ) {
        const wait = await this.#alone(() => this.#send(record));
        if (wait) {
          await new Promise((resolve) => {
            this.#wake = resolve;
            setTimeout(resolve, wait);
          });
        }
      }
    } finally {
      this.#draining = false;
    }
  }

  /** Sends one answer; returns how long to wait before the next, in ms. */
  async #send(record) {
    const { token } = record;
    const stored = await this.store.all(this.scope);
    // Another tab has sent it, or it was taken back, while we waited for the lock.
    if (!stored.some((row) => row.token === token) && (record.tab !== this.#tab || !this.records.has(token))) {
      this.records.delete(token);
      this.on.change();
      return 0;
    }
    try {
      const tried = record.tried;
      record.tried = true;
      const reply = await call(this.urls.votes, { ...record.body, token, have: this.have(token) });
      if (!reply.stored) throw new Refused(502, reply);
      record.tried = tried || false;
      await this.#settled(record, "sent", reply);
      this.on.sent(record, reply, record.tab === this.#tab);
    } catch (error) {
      return this.#failed(record, error);
    }
    return 0;
  }

  async #settled(record, kind, reply) {
    this.#failures = 0;
    this.trouble = null;
    await this.#forget(record.token);
    this.channel?.postMessage({ kind, token: record.token, tab: this.#tab, reply });
    this.on.change();
  }

  async #failed(record, error) {
    const status = error instanceof Refused ? error.status : 0;
    if (status === 409) {
      if (error.body.error === "conflict" && record.revised) {
        try {
          return await this.#replace(record);
        } catch (second) {
          if (!(second instanceof Refused && second.status === 409)) return this.#failed(record, second);
        }
      }
      await this.#settled(record, "dropped", error.body);
      this.on.dropped(record, error.body);
      return 0;
    }
    if (status >= 400 && status < 500 && ![401, 403, 408, 425, 429].includes(status)) {
      this.#parked.add(record.token);
      this.on.change();
      return 0;
    }
    this.trouble = troubleOf(error);
    this.#failures += 1;
    this.on.change();
    const backoff = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.#failures - 1));
    return Math.max(backoff * (0.8 + 0.4 * Math.random()), error.retryAfterMs ?? 0);
  }

  /**
   * An answer taken back after a try whose outcome nobody saw: the server had it after all. Undo it
   * there and send the new answer under the new token. Throws when the time to undo is over.
   */
  async #replace(record) {
    const { tasks } = await call(this.urls.undo, { token: record.token });
    const [{ token }] = tasks;
    const next = { ...record, key: `${this.scope}/${token}`, token, revised: false, tried: false };
    await this.store.put(next);
    this.records.set(token, next);
    await this.#forget(record.token);
    return 0;
  }
}
