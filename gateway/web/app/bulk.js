// Several tasks at once: which are chosen, and what can be done to them.

import { count } from "./dates.js";
import { element } from "./dom.js";
import * as edits from "./edits.js";
import * as store from "./store.js";

/** @typedef {import("./task.js").Task} Task */

/** The tasks that are chosen. */
export class Selection {
  /** @type {Set<string>} */
  #chosen = new Set();
  #changed;
  isOn = false;

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {string} id */
  has = (id) => this.#chosen.has(id);

  get size() {
    return this.#chosen.size;
  }

  /** @param {string} id @param {boolean} chosen */
  set(id, chosen) {
    if (chosen) this.#chosen.add(id);
    else this.#chosen.delete(id);
    this.#changed();
  }

  /** @param {boolean} on */
  turn(on) {
    this.isOn = on;
    if (!on) this.#chosen.clear();
    this.#changed();
  }

  /** @param {Iterable<string>} ids */
  all(ids) {
    for (const id of ids) this.#chosen.add(id);
    this.#changed();
  }

  /** @returns {Task[]} */
  tasks() {
    return [...this.#chosen].flatMap((id) => store.get(id) ?? []).filter((task) => !task.deleteTime);
  }
}

/** What can be done to them. @param {Selection} selection @param {() => Iterable<string>} listed */
export function bulkBar(selection, listed) {
  const number = element("p", { class: "chosen-count", role: "status" });
  /** @param {"complete" | "reopen" | "delete"} kind */
  const act = (kind) => () => {
    const chosen = selection.tasks().filter((task) => kind === "delete" || task.completed !== (kind === "complete"));
    selection.turn(false);
    if (chosen.length > 0) edits.bulk(kind, chosen);
  };
  const actions = [
    element("button", { type: "button", onclick: act("complete") }, "Complete"),
    element("button", { type: "button", onclick: act("reopen") }, "Reopen"),
    element("button", { type: "button", class: "danger", onclick: act("delete") }, "Delete"),
  ];
  const bar = element(
    "div",
    { class: "bulk", role: "toolbar", "aria-label": "Selected tasks", hidden: true },
    number,
    ...actions,
    element("button", { type: "button", onclick: () => selection.all(listed()) }, "All shown"),
    element("button", { type: "button", class: "link", onclick: () => selection.turn(false) }, "Done"),
  );
  const show = () => {
    bar.hidden = !selection.isOn;
    number.textContent = `${count(selection.size)} selected`;
    for (const action of actions) action.disabled = selection.size === 0;
  };
  return { bar, show };
}
