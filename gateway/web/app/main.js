// Where it begins: who is there, which view belongs to the address, and that nothing of a person is left when they are not.

import * as announce from "./announce.js";
import { explain, isAbort } from "./api.js";
import * as connection from "./connection.js";
import * as dialogs from "./dialogs.js";
import { element, find } from "./dom.js";
import * as drafts from "./drafts.js";
import * as edits from "./edits.js";
import { showConnection, showHeader } from "./header.js";
import * as live from "./live.js";
import * as outbox from "./outbox.js";
import { registerView } from "./register-view.js";
import * as session from "./session.js";
import { bind, showShortcuts } from "./shortcuts.js";
import { accountView } from "./account-view.js";
import { signInView } from "./sign-in-view.js";
import * as store from "./store.js";
import { tasksView } from "./tasks-view.js";
import { trashView } from "./trash-view.js";

/** Views of a person; the rest are for those who are not signed in. */
const VIEWS = { "/": tasksView, "/trash": trashView, "/account": accountView };
const TITLES = { "/": "Tasks", "/trash": "Trash", "/account": "Account", "/sign-in": "Sign in", "/register": "Make an account" };

const main = find("#main");
let view = new AbortController();
let why = "";

/** @param {string} path @returns {path is keyof typeof VIEWS} */
const isForPeople = (path) => Object.hasOwn(VIEWS, path);

/** Where to go after signing in: a view of this page and nothing else. */
function next() {
  const asked = new URLSearchParams(location.search).get("next") ?? "/";
  const wanted = new URL(URL.canParse(asked, location.origin) ? asked : "/", location.origin);
  return wanted.origin === location.origin && isForPeople(wanted.pathname) ? wanted.pathname + wanted.search : "/";
}

/** Shows what the address says. @param {boolean} [isFirst] the browser has put the focus */
function show(isFirst = false) {
  const path = location.pathname;
  const isSignedIn = session.user() !== undefined;
  if (!isSignedIn && isForPeople(path)) {
    const wanted = path + location.search;
    history.replaceState(null, "", wanted === "/" ? "/sign-in" : `/sign-in?${new URLSearchParams({ next: wanted })}`);
    return show(isFirst);
  }
  if (isSignedIn && !isForPeople(path)) {
    history.replaceState(null, "", next());
    return show(isFirst);
  }
  clear();
  document.title = `${TITLES[/** @type {keyof typeof TITLES} */ (path)] ?? "Holdfast"} · Holdfast`;
  showHeader(path);
  /** @type {HTMLElement | null | undefined} */
  let focus;
  if (isForPeople(path)) {
    bind({ "?": showShortcuts, u: announce.undoLast }, view.signal);
    VIEWS[path](main, view.signal);
  }
  else if (path === "/register") focus = registerView(main, { entered, next: next() });
  else focus = signInView(main, { entered, why, next: next() });
  why = "";
  if (!isFirst) focus ??= main.querySelector("h1");
  focus?.focus({ preventScroll: true });
  if (!isFirst) scrollTo(0, 0);
}

/** Takes everything away that is about somebody. */
function clear() {
  view.abort();
  view = new AbortController();
  dialogs.closeAll();
  main.replaceChildren();
}

/** @param {string} address */
function go(address) {
  history.pushState(null, "", address);
  show();
}

/** Somebody is there. @param {session.User} user */
function entered(user) {
  drafts.open(user.id);
  store.clear();
  edits.begin(showConnection);
  live.start();
  announce.clear();
  show();
}

session.onLeave((how, said = "") => {
  live.stop();
  if (how === "left") outbox.clear();
  outbox.close();
  announce.clear();
  clear();
  store.clear();
  find("#top").replaceChildren();
  if (how === "left") {
    drafts.open("");
    why = said;
    history.replaceState(null, "", "/sign-in");
    return show();
  }
  why = "Your session has ended. Sign in, and you are back where you were; what you typed is still there.";
  show();
});

connection.onChange(() => showConnection(session.user() ? outbox.waiting() : 0));

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const address = new URL(link.href, location.href);
  if (address.origin !== location.origin || !Object.hasOwn(TITLES, address.pathname) || address.hash) return;
  event.preventDefault();
  go(address.pathname + address.search);
});

addEventListener("popstate", () => show());
// A page that comes back from the browser's memory may be of somebody who has left.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted && !session.isStillMine()) location.reload();
});
addEventListener("pagehide", () => {
  if (!session.isStillMine()) clear();
});

/** The first time: who is it? */
async function begin() {
  try {
    const user = await session.resume();
    if (user) {
      drafts.open(user.id);
      edits.begin(showConnection);
      live.start();
    }
    show(true);
  } catch (error) {
    if (isAbort(error)) return;
    clear();
    showHeader("");
    const retry = element("button", { type: "button", class: "primary", onclick: () => void begin() }, "Try again");
    main.append(element("div", { class: "empty", role: "alert" }, element("h1", {}, "Not now"), element("p", {}, explain(error)), retry));
  }
}

void begin();
