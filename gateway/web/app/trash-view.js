// What was deleted, for the days that it can come back.

import { ago, when } from "./dates.js";
import { element, icon } from "./dom.js";
import * as edits from "./edits.js";
import { TaskList } from "./task-list.js";

/** @typedef {import("./task.js").Task} Task */

const QUERY = { showDeleted: "true", filter: "delete_time:*", orderBy: "updated desc" };

/** @param {HTMLElement} main @param {AbortSignal} signal */
export function trashView(main, signal) {
  const list = new TaskList(
    {
      label: "Deleted tasks",
      query: () => QUERY,
      passes: (task) => task.deleteTime !== undefined,
      row: deletedItem,
      changed: () => {},
      empty: () => element("div", { class: "empty" }, element("h2", {}, "The trash is empty"), element("p", {}, "What you delete can be restored here for 30 days.")),
    },
    signal,
  );
  main.append(
    element("h1", { tabindex: -1 }, "Trash"),
    element("p", { class: "quiet intro" }, "Deleted tasks are gone for good after 30 days."),
    list.element,
  );
  void list.load();
}

/** @param {Task} task @returns {import("./task-list.js").Row} */
function deletedItem(task) {
  let shown = task;
  const title = element("p", { class: "title", dir: "auto" });
  const detail = element("p", { class: "quiet" });
  const button = element("button", { type: "button", onclick: () => edits.restore(shown) }, icon("back"), "Restore");
  const item = element("li", { class: "task deleted", tabindex: -1, "data-id": task.id }, element("div", { class: "body" }, title, detail), button);
  /** @param {Task} now */
  const update = (now) => {
    shown = now;
    title.textContent = now.title;
    button.setAttribute("aria-label", `Restore: ${now.title}`);
    detail.textContent = `Deleted ${ago(now.deleteTime ?? now.updateTime)}${now.purgeTime ? ` · gone for good ${when(now.purgeTime)}` : ""}`;
  };
  update(task);
  return { element: item, update, isEditing: () => false, get task() { return shown; } };
}
