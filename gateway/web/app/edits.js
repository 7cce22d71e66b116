// What a person can do to tasks. Each shows at once, goes through the outbox, and can be undone where undoing makes sense.

import { explain, getTask } from "./api.js";
import { tell } from "./announce.js";
import { hear, tell as tellTabs } from "./channel.js";
import * as connection from "./connection.js";
import { count } from "./dates.js";
import * as conflict from "./conflict.js";
import * as drafts from "./drafts.js";
import { draftOf } from "./editor.js";
import * as outbox from "./outbox.js";
import { user, userId } from "./session.js";
import * as store from "./store.js";

/** @typedef {import("./task.js").Task} Task */
/** @typedef {import("./task.js").Patch} Patch */
/** @typedef {import("./outbox.js").Edit} Edit */

/** The most that one batch takes. */
const BATCH = 100;

/** @param {string} id */
const pathOf = (id) => `/v1/tasks/${encodeURIComponent(id)}`;
const now = () => new Date().toISOString();
/** A title within a sentence, whose direction it does not change. @param {string} title */
export function quoted(title) {
  const characters = [...title];
  return `“\u2068${characters.length > 40 ? `${characters.slice(0, 39).join("")}…` : title}\u2069”`;
}
/** @param {number} number */
const tasks = (number) => (number === 1 ? "1 task" : `${count(number)} tasks`);

/** How a task looks before an edit is answered. @param {Edit} edit @returns {import("./store.js").Change} */
function expected(edit) {
  switch (edit.kind) {
    case "create":
      return /** @type {Task} */ ({ description: "", completed: false, etag: "", tags: [], priority: "PRIORITY_MEDIUM", createTime: now(), updateTime: now(), ...edit.body });
    case "update":
      return { ...edit.body, due: edit.body.due === null ? undefined : (edit.body.due ?? edit.base.due ?? undefined) };
    case "complete":
      return { completed: true };
    case "reopen":
      return { completed: false };
    case "delete":
      return { deleteTime: now() };
    default:
      return /** @type {any} */ ({ deleteTime: undefined });
  }
}

/** @param {Omit<Edit, "key">} edit */
function send(edit) {
  const key = crypto.randomUUID();
  const wanted = { ...edit, key };
  for (const id of edit.ids) store.expect(id, key, expected(wanted));
  outbox.send(edit, key);
}

/** @type {(waiting: number) => void} */
let waitingChanged = () => {};

/** Begins to send, with what waited since another time. @param {(waiting: number) => void} changed */
export function begin(changed) {
  waitingChanged = changed;
  for (const edit of outbox.open({ done, refused, changed })) {
    if (!edit.isUndecided) for (const id of edit.ids) store.expect(id, edit.key, expected(edit));
  }
  ask();
}

/** Asks what the person has not chosen yet. */
function ask() {
  for (const edit of outbox.undecided()) void conflict.resolve(edit);
}

connection.onChange((reachable) => {
  if (!reachable) return;
  // What could not be asked for may have changed.
  store.invalidate();
  ask();
});

/** An edit was answered; whichever tab sent it, all are told. @param {Edit} edit @param {any} answer */
function done(edit, answer) {
  const settled = { kind: /** @type {const} */ ("settled"), user: userId(), key: edit.key, ids: edit.ids, tasks: answer.tasks ?? [answer] };
  tellTabs(settled);
  settle(settled);
  if (edit.gone) tell(`${edit.gone === 1 ? "One of them was" : `${count(edit.gone)} of them were`} deleted elsewhere; the rest is done.`);
}

/** @param {{ key: string, ids: string[], tasks: Task[] }} settled */
function settle({ key, ids, tasks }) {
  store.together(() => {
    for (const task of tasks) store.put(task);
    for (const id of ids) store.settle(id, key);
  });
}

hear((message) => {
  if (message.kind !== "settled" || message.user !== user()?.id) return;
  settle(message);
  waitingChanged(outbox.waiting());
});

/** @param {Edit} edit @param {import("./api.js").ApiError} error */
async function refused(edit, error) {
  const [id = ""] = edit.ids;
  const wanted = store.get(id);
  const settled = { kind: /** @type {const} */ ("settled"), user: userId(), key: edit.key, ids: edit.ids, tasks: [] };
  tellTabs(settled);
  settle(settled);
  if (edit.kind === "create" && error.reason === "TASK_EXISTS") {
    store.put(await getTask(id));
    return;
  }
  if (edit.isUndecided) return conflict.resolve(edit);
  if (error.reason === "TASK_NOT_FOUND") {
    store.invalidate();
    const gone = error.fields.map(({ field }) => Number(/\d+/.exec(field)?.[0]));
    /** @param {unknown} _ @param {number} place */
    const isThere = (_, place) => !gone.includes(place);
    const ids = edit.ids.filter(isThere);
    if (gone.length === 0 || ids.length === 0) return tell(edit.ids.length > 1 || edit.gone ? "They were deleted elsewhere." : "It was deleted elsewhere.", { isError: true });
    return send({ ...edit, ids, body: { requests: edit.body.requests.filter(isThere) }, gone: (edit.gone ?? 0) + gone.length });
  }
  tell(`${wanted ? quoted(wanted.title) : "The task"} was not saved: ${explain(error)}`, { isError: true });
  if (edit.kind === "update" && wanted) {
    // What was typed comes back.
    drafts.keep(`edit:${id}`, draftOf(wanted));
    store.touch(id);
  }
}

/** @param {Patch & { title: string }} fields @returns {string} the id */
export function create(fields) {
  const id = crypto.randomUUID();
  send({ kind: "create", ids: [id], method: "POST", path: "/v1/tasks", body: { id, ...fields } });
  return id;
}

/** @param {Task} task as it was when the person began to change it @param {Patch} patch */
export function update(task, patch) {
  const { title, description, priority, tags, due = null, completed } = task;
  const base = { title, description, priority, tags, due, completed };
  send({ kind: "update", ids: [task.id], method: "PATCH", path: pathOf(task.id), body: patch, base, etag: task.etag });
}

/** @param {Task} task @param {boolean} completed @param {boolean} [quietly] */
export function setCompleted(task, completed, quietly = false) {
  const kind = completed ? "complete" : "reopen";
  send({ kind, ids: [task.id], method: "POST", path: `${pathOf(task.id)}:${kind}`, body: {} });
  if (quietly) return;
  const text = `${completed ? "Completed" : "Reopened"} ${quoted(task.title)}.`;
  tell(text, { undo: () => setCompleted(task, !completed, true) });
}

/** @param {Task} task @param {boolean} [quietly] */
export function remove(task, quietly = false) {
  send({ kind: "delete", ids: [task.id], method: "DELETE", path: pathOf(task.id) });
  if (!quietly) tell(`Moved ${quoted(task.title)} to the trash.`, { undo: () => restore(task, true) });
}

/** @param {Task} task @param {boolean} [quietly] */
export function restore(task, quietly = false) {
  send({ kind: "restore", ids: [task.id], method: "POST", path: `${pathOf(task.id)}:undelete`, body: {} });
  if (!quietly) tell(`Restored ${quoted(task.title)}.`, { undo: () => remove(task, true) });
}

/**
 * Several at once, in batches: each batch is done whole or not at all.
 *
 * @param {"complete" | "reopen" | "delete"} kind
 * @param {Task[]} chosen
 * @param {boolean} [quietly]
 */
export function bulk(kind, chosen, quietly = false) {
  const method = { complete: "batchComplete", reopen: "batchUpdate", delete: "batchDelete" }[kind];
  store.together(() => {
    for (let place = 0; place < chosen.length; place += BATCH) {
      const ids = chosen.slice(place, place + BATCH).map(({ id }) => id);
      const requests = ids.map((id) => (kind === "reopen" ? { task: { id, completed: false }, updateMask: "completed" } : { id }));
      send({ kind, ids, method: "POST", path: `/v1/tasks:${method}`, body: { requests } });
    }
  });
  if (quietly) return;
  const undo = () => {
    if (kind === "delete") store.together(() => chosen.forEach((task) => restore(task, true)));
    else bulk(kind === "complete" ? "reopen" : "complete", chosen, true);
  };
  const said = { complete: "Completed", reopen: "Reopened", delete: "Moved to the trash:" }[kind];
  tell(`${said} ${tasks(chosen.length)}.`, { undo });
}
