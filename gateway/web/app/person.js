// What is there for who is signed in, and for nobody else: their views, the way between them, the way out.

import { accountView } from "./account-view.js";
import * as announce from "./announce.js";
import { explain } from "./api.js";
import { count } from "./dates.js";
import * as dialogs from "./dialogs.js";
import { element } from "./dom.js";
import * as drafts from "./drafts.js";
import * as edits from "./edits.js";
import { showConnection, showHeader } from "./header.js";
import * as live from "./live.js";
import * as outbox from "./outbox.js";
import * as session from "./session.js";
import { bind, showShortcuts } from "./shortcuts.js";
import * as store from "./store.js";
import { tasksView } from "./tasks-view.js";
import { trashView } from "./trash-view.js";

const VIEWS = { "/": tasksView, "/trash": trashView, "/account": accountView };
const LINKS = { "/": "Tasks", "/trash": "Trash", "/account": "Account" };

/** @typedef {keyof typeof VIEWS} Path */

/** Somebody is there. */
export function begin() {
  drafts.open(session.userId());
  store.clear();
  edits.begin(showWaiting);
  live.start();
  announce.clear();
}

/** Nobody is there any more. @param {"ended" | "left"} how */
export function end(how) {
  live.stop();
  if (how === "left") outbox.clear();
  outbox.close();
  announce.clear();
  store.clear();
}

/** @param {Path} path @param {HTMLElement} main @param {AbortSignal} signal */
export function show(path, main, signal) {
  const links = Object.entries(LINKS).map(([href, label]) =>
    element("a", { href, "aria-current": href === path ? "page" : null }, label),
  );
  showHeader(
    element("nav", { "aria-label": "Main" }, ...links),
    element("button", { type: "button", class: "link help", "aria-label": "Keyboard shortcuts", title: "Keyboard shortcuts", onclick: showShortcuts }, "?"),
    element("button", { type: "button", class: "link", onclick: leave }, "Sign out"),
  );
  signal.addEventListener("abort", dialogs.closeAll);
  bind({ "?": showShortcuts, u: announce.undoLast }, signal);
  VIEWS[path](main, signal);
}

/** Says whether Holdfast can be reached, and what waits for it. */
export function showWaiting(waiting = outbox.waiting()) {
  showConnection(waiting === 0 ? "" : waiting === 1 ? "1 change waits" : `${count(waiting)} changes wait`);
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
    announce.tell(`You are still signed in. ${explain(error)}`, { isError: true });
  }
}
