// The tasks: a line for a new one, how many there are, which are shown, and they themselves.

import { bulkBar, Selection } from "./bulk.js";
import { count, everyMinute } from "./dates.js";
import { element, find } from "./dom.js";
import * as edits from "./edits.js";
import { filterBar, fromAddress, isNarrowed, toAddress } from "./filters.js";
import { focusQuickAdd, quickAdd } from "./quick-add.js";
import { bind } from "./shortcuts.js";
import { statistics } from "./statistics.js";
import { query, passes } from "./task.js";
import { taskItem } from "./task-item.js";
import { TaskList } from "./task-list.js";
import { transfer } from "./transfer.js";

/** @typedef {import("./task-list.js").Row & { edit: () => void }} Row */

/** @param {HTMLElement} main @param {AbortSignal} signal */
export function tasksView(main, signal) {
  let filters = fromAddress(location.search);
  const current = () => filters;
  const selection = new Selection(() => {
    list.element.classList.toggle("selecting", selection.isOn);
    for (const row of list.rows.values()) {
      const box = row.element.querySelector(".select");
      if (box instanceof HTMLInputElement) box.checked = selection.has(row.task.id);
      row.element.classList.toggle("selected", selection.has(row.task.id));
    }
    selectButton.setAttribute("aria-pressed", String(selection.isOn));
    if (!selection.isOn && bulk.bar.contains(document.activeElement)) selectButton.focus();
    bulk.show();
  });
  const summary = element("p", { class: "summary", role: "status" });
  const selectButton = element("button", { type: "button", class: "link", "aria-pressed": "false", onclick: () => selection.turn(!selection.isOn) }, "Select");

  const list = new TaskList(
    {
      label: "Tasks",
      query: () => query(filters),
      passes: (task) => passes(task, filters),
      row: (task) => taskItem(task, selection),
      changed: (rows, more) => {
        summary.textContent = rows === 0 ? "" : `${count(rows)}${more ? "+" : ""} ${rows === 1 && !more ? "task" : "tasks"}`;
      },
      empty: () => nothing(),
    },
    signal,
  );
  const bulk = bulkBar(selection, () => list.rows.keys());

  function nothing() {
    if (isNarrowed(filters)) {
      return element(
        "div",
        { class: "empty" },
        element("h2", {}, "Nothing matches"),
        element("p", {}, "No task is like what you ask for."),
        element("a", { class: "button", href: toAddress({ state: filters.state }) }, "Show everything"),
      );
    }
    const [heading, text] =
      filters.state === "completed"
        ? ["Nothing completed yet", "What you complete is kept here."]
        : ["All clear", "Nothing is to be done. Write the next task into the line above."];
    return element("div", { class: "empty" }, element("h2", {}, heading), element("p", {}, text));
  }

  const filterControls = filterBar(current, (asked, isTyping) => {
    filters = asked;
    const address = toAddress(asked);
    if (isTyping) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    statisticsCards.show();
    filterControls.show();
    selection.turn(false);
    void list.load();
  });
  const statisticsCards = statistics(current, signal);

  main.append(
    element("h1", { class: "hidden-text", tabindex: -1 }, "Tasks"),
    quickAdd(signal),
    statisticsCards.nav,
    filterControls.bar,
    element("div", { class: "list-head" }, summary, element("div", { class: "tools" }, selectButton, transfer())),
    list.element,
    bulk.bar,
  );

  /** The row that has the focus. @returns {Row | undefined} */
  const focused = () => {
    const item = document.activeElement?.closest(".task");
    return item instanceof HTMLElement ? /** @type {Row} */ (list.rows.get(item.dataset.id ?? "")) : undefined;
  };
  /** @param {"nextElementSibling" | "previousElementSibling"} direction */
  const step = (direction) => {
    const row = focused();
    const item = row ? row.element[direction] : list.element.querySelector(".task");
    if (!(item instanceof HTMLElement)) return;
    item.focus({ preventScroll: true });
    item.scrollIntoView({ block: "nearest" });
  };
  /** @param {(row: Row) => void} act */
  const onRow = (act) => () => {
    const row = focused();
    if (row && !row.isEditing()) act(row);
  };
  bind(
    {
      n: focusQuickAdd,
      "/": () => find("#search").focus(),
      j: () => step("nextElementSibling"),
      k: () => step("previousElementSibling"),
      e: onRow((row) => row.edit()),
      Enter: onRow((row) => row.edit()),
      c: onRow(({ task }) => edits.setCompleted(task, !task.completed)),
      Delete: onRow(({ task }) => edits.remove(task)),
      x: onRow(({ task }) => {
        if (!selection.isOn) selection.turn(true);
        selection.set(task.id, !selection.has(task.id));
      }),
      Escape: () => selection.isOn && selection.turn(false),
    },
    signal,
  );
  // Which are due today, or late, changes by itself.
  everyMinute(() => filters.due && list.refresh(), signal);
  void list.load();
}
