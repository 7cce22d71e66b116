// One task in a list: done or not, what it says, what is to know of it; in its place, when wanted, its editor.

import { dueDetail, dueText, isOverdue } from "./dates.js";
import * as drafts from "./drafts.js";
import { element, icon, iconButton } from "./dom.js";
import { editor } from "./editor.js";
import * as edits from "./edits.js";
import { toAddress } from "./filters.js";
import * as store from "./store.js";
import { PRIORITY_NAMES } from "./task.js";

/** @typedef {import("./task.js").Task} Task */
/** @typedef {import("./bulk.js").Selection} Selection */

/** What is to know of a task, under its title. @param {Task} task */
export function facts(task) {
  const { due, priority, tags } = task;
  const isLate = !task.completed && isOverdue(due);
  const list = element("ul", { class: "facts", role: "list" });
  if (due) {
    const text = `${isLate ? "Overdue: " : ""}${dueText(due)}`;
    list.append(element("li", { class: isLate ? "late" : "", title: dueDetail(due) }, icon("clock"), text));
  }
  if (priority === "PRIORITY_HIGH" || priority === "PRIORITY_LOW") {
    list.append(element("li", { class: priority === "PRIORITY_HIGH" ? "high" : "" }, icon("flag"), PRIORITY_NAMES[priority]));
  }
  for (const tag of tags) {
    list.append(element("li", {}, element("a", { class: "tag", href: toAddress({ tag, state: "all" }), dir: "auto" }, `#${tag}`)));
  }
  return list;
}

/**
 * @param {Task} task
 * @param {Selection} selection
 * @returns {import("./task-list.js").Row & { edit: () => void }}
 */
export function taskItem(task, selection) {
  const item = element("li", { class: "task", tabindex: -1, "data-id": task.id });
  let shown = task;
  let rendered = "";
  /** @type {ReturnType<typeof editor> | undefined} */
  let editing;

  const done = element("input", {
    type: "checkbox",
    class: "done",
    onchange: () => edits.setCompleted(shown, done.checked),
  });
  const select = element("input", {
    type: "checkbox",
    class: "select",
    onchange: () => selection.set(shown.id, select.checked),
  });
  const title = element("button", { type: "button", class: "title", dir: "auto", onclick: () => row.edit() });
  const body = element("div", { class: "body" });
  const bin = iconButton("bin", "", { onclick: () => edits.remove(shown), class: "icon-button bin" });
  const view = [select, done, body, bin];

  function show() {
    item.classList.toggle("completed", shown.completed);
    item.classList.toggle("urgent", shown.priority === "PRIORITY_HIGH" && !shown.completed);
    done.checked = shown.completed;
    done.setAttribute("aria-label", `Done: ${shown.title}`);
    select.checked = selection.has(shown.id);
    select.setAttribute("aria-label", `Select: ${shown.title}`);
    bin.setAttribute("aria-label", `Delete: ${shown.title}`);
    title.textContent = shown.title;
    const description = shown.description.trim().replace(/\s*\n\s*/g, "\n");
    body.replaceChildren(title);
    if (description) body.append(element("p", { class: "description", dir: "auto" }, description));
    const known = facts(shown);
    if (known.childElementCount > 0) body.append(known);
  }

  function stopEditing() {
    const hadFocus = item.contains(document.activeElement);
    editing = undefined;
    item.classList.remove("editing");
    item.replaceChildren(...view);
    show();
    if (hadFocus) item.focus({ preventScroll: true });
  }

  const row = {
    element: item,
    get task() {
      return shown;
    },
    isEditing: () => editing !== undefined,
    edit: () => {
      if (editing) return editing.focus();
      open().focus();
    },
    /** @param {Task} now */
    update: (now) => {
      shown = now;
      const due = now.due && [now.due, dueText(now.due), isOverdue(now.due)];
      const looks = JSON.stringify([now.title, now.description, now.completed, now.priority, now.tags, due]);
      if (!editing && looks !== rendered) show();
      rendered = looks;
      item.classList.toggle("pending", store.isPending(now.id));
      if (!editing && drafts.get(`edit:${now.id}`)) open();
    },
  };

  function open() {
    editing = editor(shown, {
      save: (base, patch) => {
        if (Object.keys(patch).length > 0) edits.update(base, patch);
        stopEditing();
        const now = store.get(shown.id);
        if (now) row.update(now);
      },
      cancel: () => {
        stopEditing();
        // It may have changed, or gone, meanwhile.
        store.put(shown);
      },
    });
    item.classList.add("editing");
    item.replaceChildren(editing.form);
    return editing;
  }

  item.append(...view);
  row.update(task);
  return row;
}
