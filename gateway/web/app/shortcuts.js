// The keyboard: single keys where no text is typed, and the list of them behind `?`. They can be turned off for those whose
// software speaks or types for them (WCAG 2.1.4).

import * as dialogs from "./dialogs.js";
import { element } from "./dom.js";

const KEY = "holdfast-shortcuts";
const DESCRIPTIONS = {
  n: "New task",
  "/": "Search",
  "j, k": "Next, previous task",
  "e, Enter": "Edit the task",
  c: "Complete or reopen it",
  x: "Select it",
  Delete: "Move it to the trash",
  u: "Undo",
  "Ctrl+Enter": "Save what is edited",
  Esc: "Leave the editor, the selection or a dialog",
  "?": "This list",
};

const areOn = () => localStorage.getItem(KEY) !== "off";

/** @param {EventTarget | null} target */
const isTyping = (target) => target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null;

/** @param {Record<string, () => void>} keys @param {AbortSignal} signal */
export function bind(keys, signal) {
  document.addEventListener(
    "keydown",
    (event) => {
      const { key, target } = event;
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(target)) return;
      if (document.querySelector("dialog[open]") || (!areOn() && key !== "?")) return;
      // A button that has the focus does its own.
      if (key === "Enter" && target instanceof Element && target.closest("a, button, summary, input")) return;
      const act = Object.hasOwn(keys, key) ? keys[key] : undefined;
      if (!act) return;
      event.preventDefault();
      act();
    },
    { signal },
  );
}

export function showShortcuts() {
  void dialogs.show("Keyboard shortcuts", (/** @type {(value: void) => void} */ close) => [
    element(
      "dl",
      { class: "shortcuts" },
      ...Object.entries(DESCRIPTIONS).flatMap(([keys, meaning]) => [
        element("dt", {}, ...keys.split(", ").flatMap((key, place) => [place > 0 ? " " : null, element("kbd", {}, key)])),
        element("dd", {}, meaning),
      ]),
    ),
    element(
      "label",
      { class: "version" },
      element("input", {
        type: "checkbox",
        checked: areOn(),
        onchange: (/** @type {Event & { target: HTMLInputElement }} */ { target }) =>
          target.checked ? localStorage.removeItem(KEY) : localStorage.setItem(KEY, "off"),
      }),
      "Use the single keys",
    ),
    element("div", { class: "actions" }, element("button", { type: "button", class: "primary", onclick: () => close() }, "Close")),
  ]);
}
