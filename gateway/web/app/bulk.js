// Several tasks at once: which are chosen, and what can be done to them.

import { count } from "./dates.js";
import { element, icon } from "./dom.js";
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
    if (chosen.length > 0) edits.bulk(kind, chosen);
    selection.turn(false);
  };
  /** Words only where there is room for them. @param {Parameters<typeof icon>[0]} drawing @param {string} word @param {() => void} onclick @param {string} [kind] */
  const button = (drawing, word, onclick, kind) => element("button", { type: "button", class: kind, onclick }, icon(drawing), element("span", { class: "word" }, word));
  const actions = [button("check", "Complete", act("complete")), button("back", "Reopen", act("reopen")), button("bin", "Delete", act("delete"), "danger")];
  const bar = element(
    "div",
    { class: "bulk", role: "toolbar", "aria-label": "Selected tasks", hidden: true },
    number,
    ...actions,
    button("all", "All shown", () => selection.all(listed())),
    button("close", "Done", () => selection.turn(false)),
  );
  const show = () => {
    bar.hidden = !selection.isOn;
    number.replaceChildren(count(selection.size), element("span", { class: "word" }, " selected"));
    for (const action of actions) action.disabled = selection.size === 0;
  };
  return { bar, show };
}
