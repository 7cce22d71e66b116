// Two changed the same task. What does not touch stays of both; where it does, the person sees both and chooses.

import { explain, getTask } from "./api.js";
import { tell } from "./announce.js";
import { dueText } from "./dates.js";
import * as dialogs from "./dialogs.js";
import { element } from "./dom.js";
import * as drafts from "./drafts.js";
import { draftOf } from "./editor.js";
import * as edits from "./edits.js";
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

/** An edit met another version. @param {Edit} edit */
export async function resolve(edit) {
  const [id = ""] = edit.ids;
  /** @type {Task} */
  let theirs;
  try {
    theirs = await getTask(id);
  } catch (error) {
    tell(`The task changed elsewhere: ${explain(error)}`, { isError: true });
    keep(id, edit);
    return;
  }
  store.put(theirs);
  if (theirs.deleteTime) return gone(edit, undefined);
  /** @type {Patch} */
  const mine = edit.body;
  const theirPatch = /** @type {Patch} */ (theirs);
  const changed = new Set(differing(edit.base, theirPatch));
  const both = differing(mine, theirPatch).filter((field) => changed.has(field));
  if (both.length === 0) {
    edits.update(theirs, mine);
    return;
  }
  const chosen = await ask(theirs, mine, both);
  if (chosen === undefined) keep(id, edit);
  else if (Object.keys(chosen).length > 0) edits.update(theirs, chosen);
}

/** What was typed stays in the editor. @param {string} id @param {Edit} edit */
function keep(id, edit) {
  const task = store.get(id);
  if (!task) return;
  drafts.keep(`edit:${id}`, draftOf(/** @type {Task} */ ({ ...task, ...edit.body })));
  store.invalidate();
}

/** @param {Task} theirs @param {Patch} mine @param {(keyof Patch)[]} fields @returns {Promise<Patch | undefined>} */
function ask(theirs, mine, fields) {
  return dialogs.show("Changed elsewhere meanwhile", (close) => {
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
          ...(["mine", "theirs"]).map((whose) =>
            element(
              "label",
              { class: "version" },
              element("input", { type: "radio", name: field, value: whose, checked: whose === "mine" }),
              element("span", { class: "whose" }, whose === "mine" ? "Yours" : "The other"),
              element("span", { class: "text", dir: "auto" }, shown(field, whose === "mine" ? mine : /** @type {Patch} */ (theirs))),
            ),
          ),
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

/** The task of an edit is not there any more. @param {Edit} edit @param {Task | undefined} wanted */
export async function gone(edit, wanted) {
  const [id = ""] = edit.ids;
  const theirs = await getTask(id).catch(() => undefined);
  if (theirs) store.put(theirs);
  const mine = /** @type {Task} */ ({ ...(theirs ?? wanted), ...edit.body });
  const yes = theirs ? "Restore it with my changes" : "Keep it as a new task";
  if (!(await dialogs.confirm("Deleted elsewhere meanwhile", `“${mine.title}” was deleted while you changed it.`, yes))) return;
  if (theirs) {
    edits.restore(theirs, true);
    edits.update({ ...theirs, etag: "" }, edit.body);
    return;
  }
  const { title, description, priority, tags, due, completed } = mine;
  edits.create({ title, description, priority, tags, completed, ...(due && { due }) });
}
