// What is above every view: the name, the way to the others, the way out; and whether Holdfast can be reached.

import { tell } from "./announce.js";
import { explain } from "./api.js";
import * as connection from "./connection.js";
import { count } from "./dates.js";
import * as dialogs from "./dialogs.js";
import { element, find } from "./dom.js";
import * as outbox from "./outbox.js";
import * as session from "./session.js";
import { showShortcuts } from "./shortcuts.js";

const LINKS = { "/": "Tasks", "/trash": "Trash", "/account": "Account" };

const brand = () => {
  const mark = element("span", { class: "mark", "aria-hidden": "true" });
  return element("a", { class: "brand", href: "/" }, mark, element("span", { class: "word" }, "Holdfast"));
};

/** @param {string} path where the page is */
export function showHeader(path) {
  const header = find("#top");
  if (!session.user()) return header.replaceChildren(brand());
  const links = Object.entries(LINKS).map(([href, label]) =>
    element("a", { href, "aria-current": href === path ? "page" : null }, label),
  );
  header.replaceChildren(
    brand(),
    element("nav", { "aria-label": "Main" }, ...links),
    element("button", { type: "button", class: "link help", "aria-label": "Keyboard shortcuts", title: "Keyboard shortcuts", onclick: showShortcuts }, "?"),
    element("button", { type: "button", class: "link", onclick: leave }, "Sign out"),
  );
}

async function leave() {
  const waiting = outbox.waiting();
  if (waiting > 0) {
    const text = `${waiting === 1 ? "One change has" : `${count(waiting)} changes have`} not been sent yet and would be lost.`;
    if (!(await dialogs.confirm("Sign out now?", text, "Sign out and lose them"))) return;
  }
  try {
    await session.signOut();
  } catch (error) {
    tell(`You are still signed in. ${explain(error)}`, { isError: true });
  }
}

/** @param {number} waiting how many edits are not sent */
export function showConnection(waiting) {
  const banner = find("#connection");
  const isAway = !connection.isReachable();
  banner.hidden = !isAway;
  const changes = waiting === 1 ? "1 change waits" : `${count(waiting)} changes wait`;
  const text = isAway ? `Holdfast cannot be reached. ${waiting > 0 ? `${changes} until it is back.` : "Go on: changes are sent when it is back."}` : "";
  if (banner.textContent !== text) banner.textContent = text;
}
