// Every edit goes through here: one after the other, each with an Idempotency-Key, so that one whose answer was lost is
// sent again without having its effect twice. What could not be sent waits, in memory and in the browser's storage under
// the person's id, and is sent once, by one tab, when Holdfast can be reached again.

import { ApiError, isAbort, request } from "./api.js";
import * as connection from "./connection.js";
import { userId } from "./session.js";

/**
 * @typedef {object} Edit
 * @property {string} key the Idempotency-Key
 * @property {string} kind what it is to the person, see edits.js
 * @property {string[]} ids the tasks that it is about
 * @property {string} method
 * @property {string} path
 * @property {any} [body]
 * @property {string} [etag] the version that must still be there
 * @property {boolean} [follows] it comes after another edit of the same task that waits, whose version it will get
 * @property {boolean} [tried] it may have arrived already, so nothing of it may change
 * @property {any} [base] what its fields were before
 * @property {boolean} [isUndecided] the task has changed or gone: it stays until the person has chosen, see conflict.js
 * @property {number} [gone] how many tasks were left out of it, because they are not there any more
 */

/** @typedef {{ done: (edit: Edit, answer: any) => void, refused: (edit: Edit, error: ApiError) => void, changed: (waiting: number) => void }} Listener */

const RETRY_MS = 1_000;
/** What waits, as long as the storage has no room for it. @type {Edit[] | undefined} */
let unstored;
/** @type {Listener | undefined} */
let listener;
let owner = "";
let flushing = false;
/** @type {number | undefined} */
let timer;

const storageKey = () => `holdfast-outbox-${owner}`;

/** What waits, of all tabs. @returns {Edit[]} */
function read() {
  return unstored ?? JSON.parse(localStorage.getItem(storageKey()) ?? "[]");
}

/** @param {Edit[]} edits */
function write(edits) {
  unstored = undefined;
  try {
    if (edits.length === 0) localStorage.removeItem(storageKey());
    else localStorage.setItem(storageKey(), JSON.stringify(edits));
  } catch {
    unstored = edits;
  }
  listener?.changed(edits.length);
}

/** Begins with what the person left to be sent. @param {Listener} given @returns {Edit[]} */
export function open(given) {
  listener = given;
  owner = userId();
  const edits = read();
  given.changed(edits.length);
  void flush();
  return edits;
}

/** Ends for now; what waits stays for the same person. */
export function close() {
  listener = undefined;
  owner = "";
  unstored = undefined;
  clearTimeout(timer);
}

/** Forgets what waits. */
export function clear() {
  if (owner) write([]);
}

export const waiting = () => (owner ? read().length : 0);

/** Those about which the person has to choose. */
export const undecided = () => (owner ? read().filter(({ isUndecided }) => isUndecided) : []);

/** Takes out an edit about which the person has chosen. @param {Edit} edit */
export const drop = (edit) => remove(edit);

/** @param {Omit<Edit, "key">} edit @param {string} [key] */
export function send(edit, key = crypto.randomUUID()) {
  const edits = read();
  const follows = edit.etag !== undefined && edits.some(({ ids }) => ids.includes(edit.ids[0] ?? ""));
  write([...edits, { ...edit, key, follows }]);
  void flush();
}

/** Sends what waits, in its order, from one tab at a time. */
export async function flush() {
  if (flushing || !owner || !connection.isReachable()) return;
  flushing = true;
  clearTimeout(timer);
  const mine = owner;
  try {
    await navigator.locks.request(`holdfast-outbox-${mine}`, async () => {
      while (owner === mine && (await sendFirst(mine)));
    });
  } finally {
    flushing = false;
  }
}

/** Whether to go on. @param {string} mine */
async function sendFirst(mine) {
  const edit = read().find(({ isUndecided }) => !isUndecided);
  if (!edit) return false;
  edit.tried = true;
  replace(edit);
  /** @type {any} */
  let answer;
  try {
    const response = await request(edit.method, edit.path, {
      ...(edit.body !== undefined && { body: edit.body }),
      headers: { "idempotency-key": edit.key, ...(edit.etag && { "if-match": `"${edit.etag}"` }) },
    });
    answer = await response.json();
  } catch (error) {
    if (owner !== mine || isAbort(error)) return false;
    if (error instanceof ApiError && !error.isPassing) {
      if (error.status === 401) return false;
      edit.isUndecided = edit.kind === "update" && /^(ETAG_MISMATCH|TASK_NOT_FOUND)$/.test(error.reason);
      if (edit.isUndecided) replace(edit);
      else remove(edit);
      listener?.refused(edit, error);
      return true;
    }
    // Whoever cannot be reached may be back before this has ended.
    timer = setTimeout(flush, retryMs(error));
    return false;
  }
  if (owner !== mine) return false;
  remove(edit, answer);
  listener?.done(edit, answer);
  return true;
}

/** @param {unknown} error */
const retryMs = (error) => (error instanceof ApiError && error.retryAfter * 1000) || RETRY_MS;

/** @param {Edit} edit */
function replace(edit) {
  write(read().map((other) => (other.key === edit.key ? edit : other)));
}

/** Takes an edit out; those that follow it are about the version that it made. @param {Edit} edit @param {any} [answer] */
function remove(edit, answer) {
  const rest = read().filter(({ key }) => key !== edit.key);
  for (const other of rest) {
    if (answer?.etag && other.follows && !other.tried && other.ids[0] === answer.id) other.etag = answer.etag;
  }
  write(rest);
}

// What only memory has would be lost.
addEventListener("beforeunload", (event) => unstored && event.preventDefault());

// The tab that the person looks at sends first, so that it is there that a question is asked.
connection.onChange((reachable) => {
  if (reachable) setTimeout(flush, document.hidden ? RETRY_MS : 0);
});
