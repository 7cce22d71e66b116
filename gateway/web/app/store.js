// The tasks that the page knows, as they will be: what the service told last, and over it what was done here and is not
// answered yet.

import { isNewer } from "./task.js";

/** @typedef {import("./task.js").Task} Task */
/** @typedef {import("./task.js").Patch} Patch */
/** @typedef {Partial<Task> | Patch} Change */

/** @type {Map<string, Task>} */
const told = new Map();
/** By task, then by edit. @type {Map<string, Map<string, Change>>} */
const pending = new Map();
const changed = new EventTarget();
/** @type {Set<string> | undefined} */
let gathered;

/** @param {string} id @returns {Task | undefined} */
export function get(id) {
  const task = told.get(id);
  const changes = pending.get(id);
  if (!changes) return task;
  const seen = Object.assign({}, task, ...changes.values());
  return seen.id ? seen : undefined;
}

/** All that are known. @returns {Task[]} */
export const all = () => [...new Set([...told.keys(), ...pending.keys()])].flatMap((id) => get(id) ?? []);

/** Those of which something is not answered yet. */
export const pendingIds = () => [...pending.keys()];

/** Whether something of it is not answered yet. @param {string} id */
export const isPending = (id) => pending.has(id);

/** What the service says of a task; older news changes nothing. @param {Task} task @param {boolean} [silently] */
export function put(task, silently = false) {
  if (!isNewer(task, told.get(task.id))) return;
  told.set(task.id, task);
  if (!silently) touch(task.id);
}

/** What is done to a task here. @param {string} id @param {string} key @param {Change} change */
export function expect(id, key, change) {
  const changes = pending.get(id) ?? new Map();
  pending.set(id, changes.set(key, change));
  touch(id);
}

/** It was answered, or refused. @param {string} id @param {string} key */
export function settle(id, key) {
  const changes = pending.get(id);
  if (!changes?.delete(key)) return;
  if (changes.size === 0) pending.delete(id);
  touch(id);
}

export function clear() {
  told.clear();
  pending.clear();
}

/** Tells those who show a task to look at it anew. @param {string} id */
export function touch(id) {
  if (gathered) gathered.add(id);
  else changed.dispatchEvent(new CustomEvent("change", { detail: [id] }));
}

/** What changes while something is done is told at its end, at once. @param {() => void} work */
export function together(work) {
  const detail = (gathered = new Set());
  try {
    work();
  } finally {
    gathered = undefined;
    changed.dispatchEvent(new CustomEvent("change", { detail: [...detail] }));
  }
}

/** Something more than single tasks changed: what is shown must be asked for anew. */
export function invalidate() {
  changed.dispatchEvent(new Event("stale"));
}

/** @param {{ change: (ids: string[]) => void, stale: () => void }} listener @param {AbortSignal} signal */
export function listen(listener, signal) {
  changed.addEventListener("change", (event) => listener.change(/** @type {CustomEvent<string[]>} */ (event).detail), { signal });
  changed.addEventListener("stale", () => listener.stale(), { signal });
}
