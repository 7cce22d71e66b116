// Says what came of something, to everybody: a line at the edge of the page, read aloud by screen readers, for as long as
// it takes to read, with the way back where there is one.

import { element, find, iconButton } from "./dom.js";

const SECONDS = 8;
const MOST = 3;

/** Only for those who do not see the page. @param {string} text */
export function say(text) {
  const place = find("#announcements");
  place.textContent = "";
  // The same text again is news too.
  requestAnimationFrame(() => (place.textContent = text));
}

/**
 * @param {string} text
 * @param {{ undo?: () => void, label?: string, isError?: boolean }} [options]
 */
export function tell(text, { undo, label = "Undo", isError = false } = {}) {
  say(text);
  const place = find("#toasts");
  const toast = element("div", { class: isError ? "toast error" : "toast" }, element("p", {}, text));
  /** Where the focus came from, and goes back to. @type {EventTarget | null} */
  let from = null;
  toast.addEventListener("focusin", ({ relatedTarget }) => {
    if (!toast.contains(/** @type {Node | null} */ (relatedTarget))) from = relatedTarget;
  });
  const close = () => {
    const hadFocus = toast.contains(document.activeElement);
    toast.remove();
    if (hadFocus) (from instanceof HTMLElement && from.isConnected ? from : find("#main")).focus({ preventScroll: true });
  };
  if (undo) {
    const act = () => {
      close();
      undo();
    };
    toast.append(element("button", { type: "button", class: "link", onclick: act }, label));
  }
  toast.append(iconButton("close", "Close", { onclick: close }));
  // It stays while somebody is at it.
  let left = SECONDS * (isError ? 2 : 1);
  const timer = setInterval(() => {
    if (!toast.matches(":hover, :focus-within")) left -= 1;
    if (left <= 0 || !toast.isConnected) {
      clearInterval(timer);
      close();
    }
  }, 1000);
  place.append(toast);
  while (place.children.length > MOST) place.firstElementChild?.remove();
}

/** Takes the last way back, if there is one. */
export function undoLast() {
  const buttons = document.querySelectorAll("#toasts .link");
  const last = buttons[buttons.length - 1];
  if (last instanceof HTMLButtonElement) last.click();
  return last !== undefined;
}

export function clear() {
  find("#toasts").replaceChildren();
  find("#announcements").textContent = "";
}
