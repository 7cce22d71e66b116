// Questions that must be answered first. `<dialog>` keeps the focus within and gives it back.

import { element } from "./dom.js";

/** @typedef {import("./dom.js").Child} Child */

/** One comes after the other. @type {Promise<unknown>} */
let last = Promise.resolve();
/** Those asked for before all were closed come no more. */
let round = 0;

/**
 * Shows a dialog until `close` is called, with what it then returns; closed otherwise, it returns nothing.
 *
 * @template T
 * @param {string} title
 * @param {(close: (value: T) => void) => Child[]} content
 * @returns {Promise<T | undefined>}
 */
export function show(title, content) {
  const mine = round;
  const answer = last.then(() => (mine === round ? open(title, content) : undefined));
  last = answer;
  return answer;
}

/** @template T @param {string} title @param {(close: (value: T) => void) => Child[]} content @returns {Promise<T | undefined>} */
function open(title, content) {
  return new Promise((resolve) => {
    /** @type {T | undefined} */
    let result;
    const dialog = element("dialog", { "aria-labelledby": "dialog-title" });
    const close = (/** @type {T} */ value) => {
      result = value;
      dialog.close();
    };
    dialog.append(element("h2", { id: "dialog-title" }, title));
    for (const child of content(close)) if (child) dialog.append(child);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * Whether the person wants it; nothing if they did not say.
 *
 * @param {string} title
 * @param {string} text
 * @param {string} yes what it is called
 * @param {string} [no]
 * @returns {Promise<boolean | undefined>}
 */
export const confirm = (title, text, yes, no = "Cancel") =>
  show(title, (/** @type {(value: boolean) => void} */ close) => [
    element("p", {}, text),
    element(
      "div",
      { class: "actions" },
      element("button", { type: "button", class: "danger", onclick: () => close(true) }, yes),
      element("button", { type: "button", onclick: () => close(false) }, no),
    ),
  ]);

/** Closes what is open: nobody is signed in any more. */
export function closeAll() {
  round += 1;
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}
