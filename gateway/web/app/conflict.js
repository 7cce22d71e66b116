// Two changed the same task. What does not touch stays of both; where it does, the person sees both and chooses. Until then
// the edit stays in the outbox; what is not answered is asked again.

import { ApiError, explain, getTask, isAbort, Unreachable } from "./api.js";
import { tell } from "./announce.js";
import { dueText } from "./dates.js";
import * as dialogs from "./dialogs.js";
import { element } from "./dom.js";
import * as drafts from "./drafts.js";
import { draftOf } from "./editor.js";
import * as edits from "./edits.js";
import * as outbox from "./outbox.js";
import { userId } from "./session.js";
import * as store from "./store.js";
import { differing, PRIORITY_NAMES } from "./task.js";

/** @typedef {import("./task.js").Task} Task */
/** @typedef {import("./task.js").Patch} Patch */
/** @typedef {import("./outbox.js").Edit} Edit */

const NAMES = { title: "Title", description: "Description", priority: "Priority", tags: "Tags", due: "Due", completed: "Done" };

/** @param {keyof Patch} field @param {Patch} values */
function shown(field, values) {
  const value = values[field];
  if (value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0)) return "nothing";
  if (field === "priority") return PRIORITY_NAMES[/** @type {import("./task.js").Priority} */ (value)];
  if (field === "due") return dueText(/** @type {import("./task.js").Due} */ (value));
  return Array.isArray(value) ? value.map((tag) => `#${tag}`).join(" ") : String(value);
}

/** An edit met another version. One is asked about at a time, in one tab. @param {Edit} edit */
export const resolve = (edit) =>
  navigator.locks.request(`holdfast-question-${userId()}`, async () => {
    if (isOpen(edit)) await decide(edit);
  });

/** Nobody has chosen, and the person is still there. @param {Edit} edit */
const isOpen = ({ key }) => outbox.undecided().some((other) => other.key === key);

/** @param {Edit} edit */
async function decide(edit) {
  const [id = ""] = edit.ids;
  /** @type {Task | undefined} */
  let theirs;
  try {
    theirs = await getTask(id);
    store.put(theirs);
  } catch (error) {
    if (isAbort(error) || error instanceof Unreachable) return;
    if (!(error instanceof ApiError) || error.reason !== "TASK_NOT_FOUND") return tell(`The task changed elsewhere: ${explain(error)}`, { isError: true });
  }
  if (!theirs || theirs.deleteTime) return gone(edit, theirs);
  /** @type {Patch} */
  const mine = edit.body;
  const theirPatch = /** @type {Patch} */ (theirs);
  const changed = new Set(differing(edit.base, theirPatch));
  const both = differing(mine, theirPatch).filter((field) => changed.has(field));
  const chosen = both.length === 0 ? mine : await ask(theirs, mine, both);
  if (!isOpen(edit)) return;
  if (chosen === undefined) {
    // What is typed in its editor meanwhile comes first.
    if (drafts.get(`edit:${id}`)) return;
    drafts.keep(`edit:${id}`, draftOf({ ...theirs, ...edit.body }));
    store.touch(id);
  } else if (Object.keys(chosen).length > 0) edits.update(theirs, chosen);
  outbox.drop(edit);
}

/** @param {Task} theirs @param {Patch} mine @param {(keyof Patch)[]} fields @returns {Promise<Patch | undefined>} */
function ask(theirs, mine, fields) {
  return dialogs.show(`Changed elsewhere meanwhile: ${edits.quoted(theirs.title)}`, (close) => {
    const form = element(
      "form",
      {
        class: "conflict",
        onsubmit: (/** @type {SubmitEvent} */ event) => {
          event.preventDefault();
          const data = new FormData(form);
          const kept = Object.entries(mine).filter(([field]) => data.get(field) !== "theirs");
          close(Object.fromEntries(kept));
        },
      },
      element("p", {}, "Somebody, perhaps you on another device, changed the same. Choose what stays."),
      ...fields.map((field) =>
        element(
          "fieldset",
          {},
          element("legend", {}, NAMES[field]),
          ...(["mine", "theirs"]).map((whose) => {
            const name = whose === "mine" ? "Yours" : "The other";
            return element(
              "div",
              { class: "side" },
              element("label", { class: "version" }, element("input", { type: "radio", name: field, value: whose, checked: whose === "mine" }), name),
              element("div", { class: "text", dir: "auto", role: "group", tabindex: 0, "aria-label": name }, shown(field, whose === "mine" ? mine : /** @type {Patch} */ (theirs))),
            );
          }),
        ),
      ),
      element(
        "div",
        { class: "actions" },
        element("button", { class: "primary" }, "Save what I chose"),
        element("button", { type: "button", onclick: () => close(/** @type {any} */ (undefined)) }, "Back to my text"),
      ),
    );
    return [form];
  });
}

/** The task of an edit is not there any more. @param {Edit} edit @param {Task | undefined} theirs from the trash */
async function gone(edit, theirs) {
  const mine = { ...edit.base, ...edit.body };
  const yes = theirs ? "Restore it with my changes" : "Keep it as a new task";
  const answer = await dialogs.confirm("Deleted elsewhere meanwhile", `${edits.quoted(mine.title)} was deleted while you changed it.`, yes, "Let my changes go");
  if (answer === undefined || !isOpen(edit)) return;
  if (answer && theirs) {
    edits.restore(theirs, true);
    edits.update({ ...theirs, etag: "" }, edit.body);
  } else if (answer) edits.create(mine);
  outbox.drop(edit);
}
