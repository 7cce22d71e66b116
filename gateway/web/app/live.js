// Follows what changes elsewhere. One tab of the browser profile, elected by a lock, holds the stream and passes on what
// it hears; the others hear it from there. Whoever comes next goes on from the last sync token, so nothing is missed.

import { ApiError, call, isAbort } from "./api.js";
import { hear, tell } from "./channel.js";
import * as connection from "./connection.js";
import { userId } from "./session.js";
import * as store from "./store.js";

/** @typedef {import("./task.js").Task} Task */

/** Changes of this long are told together. */
const GATHER_MS = 50;
/** More at once, as of an import, are asked for instead. */
const MOST = 60;
/** At rest there is a heartbeat every 20 seconds. */
const SILENCE_MS = 50_000;
const RETRY_MS = 1_000;

let owner = "";
let token = "";
/** @type {AbortController | undefined} */
let following;

/** Begins to follow for who is signed in. */
export function start() {
  owner = userId();
  token = "";
  following = new AbortController();
  const { signal } = following;
  const lead = () => new Promise((/** @type {(value: void) => void} */ resolve) => {
    const stream = new Stream();
    signal.addEventListener("abort", () => {
      stream.stop();
      resolve();
    });
  });
  navigator.locks.request(`holdfast-live-${owner}`, { signal }, lead).catch((error) => {
    if (!isAbort(error)) throw error;
  });
}

export function stop() {
  following?.abort();
  owner = "";
}

hear((message) => {
  if (message.user !== owner || !owner) return;
  if (message.kind === "changes") take(message.tasks, message.token);
  if (message.kind === "stale") {
    token = message.token;
    store.invalidate();
  }
});

/** @param {Task[]} tasks @param {string} next */
function take(tasks, next) {
  token = next;
  store.together(() => tasks.forEach((task) => store.put(task)));
}

class Stream {
  /** @type {Task[]} */
  #heard = [];
  /** @type {EventSource | undefined} */
  #events;
  /** @type {number | undefined} */
  #gathering;
  /** @type {number | undefined} */
  #watchdog;
  #isStopped = false;

  constructor() {
    this.#open();
  }

  #open() {
    if (this.#isStopped) return;
    const isNew = token === "";
    const events = new EventSource(isNew ? "/v1/tasks:watch" : `/v1/tasks:watch?${new URLSearchParams({ syncToken: token })}`);
    this.#events = events;
    this.#alive();
    events.addEventListener("heartbeat", ({ data }) => {
      this.#alive();
      const isFirst = isNew && token === "";
      token = JSON.parse(data).syncToken;
      // What happened between the page's own questions and this is not known.
      if (isFirst) this.#stale();
    });
    for (const kind of ["task", "tombstone"]) {
      events.addEventListener(kind, (event) => {
        this.#alive();
        const message = JSON.parse(/** @type {MessageEvent<string>} */ (event).data);
        token = message.syncToken;
        this.#heard.push(message[kind]);
        this.#gathering ??= setTimeout(() => this.#pass(), GATHER_MS);
      });
    }
    events.addEventListener("error", () => {
      // The browser comes back by itself, unless it was refused.
      if (events.readyState === EventSource.CLOSED) void this.#recover();
      else void connection.probe();
    });
  }

  #pass() {
    this.#gathering = undefined;
    const tasks = this.#heard;
    this.#heard = [];
    if (tasks.length > MOST) return this.#stale();
    tell({ kind: "changes", user: owner, tasks, token });
    take(tasks, token);
  }

  #stale() {
    tell({ kind: "stale", user: owner, token });
    store.invalidate();
  }

  #alive() {
    connection.heard();
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => void this.#recover(), SILENCE_MS);
  }

  /** Finds out what is wrong, then begins again. */
  async #recover() {
    this.#events?.close();
    clearTimeout(this.#watchdog);
    try {
      await call("GET", "/v1/tasks:sync", { query: { pageSize: "1", ...(token && { syncToken: token }) } });
    } catch (error) {
      if (isAbort(error)) return;
      // Away for too long: everything may have changed.
      if (error instanceof ApiError && error.reason.startsWith("SYNC_TOKEN_")) token = "";
    }
    if (!this.#isStopped) setTimeout(() => this.#open(), RETRY_MS);
  }

  stop() {
    this.#isStopped = true;
    this.#events?.close();
    clearTimeout(this.#watchdog);
    clearTimeout(this.#gathering);
  }
}
