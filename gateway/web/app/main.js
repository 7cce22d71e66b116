// Where it begins: who is there, which view belongs to the address, and that nothing of a person is left when they are not.
// What only a person needs comes when one is there, or else when there is time: before it is needed, if Holdfast goes away.

import { explain, isAbort, Unreachable } from "./api.js";
import * as connection from "./connection.js";
import { element, find } from "./dom.js";
import * as drafts from "./drafts.js";
import { showConnection, showHeader } from "./header.js";
import { registerView } from "./register-view.js";
import * as session from "./session.js";
import { signInView } from "./sign-in-view.js";

const TITLES = { "/": "Tasks", "/trash": "Trash", "/account": "Account", "/sign-in": "Sign in", "/register": "Make an account" };

const main = find("#main");
let view = new AbortController();
let why = "";
/** @type {typeof import("./person.js") | undefined} */
let person;
/** @type {Promise<void> | undefined} */
let loading;
/** The browser does not ask again for a module that did not come, as long as the page is there. */
let isIncomplete = false;
/** Nothing can be shown until Holdfast is back. */
let isStuck = false;

/** Views of a person; the rest are for those who are not signed in. @param {string} path @returns {path is import("./person.js").Path} */
const isForPeople = (path) => /^\/(trash|account)?$/.test(path);

/** Sees to it that everything is there that a person needs. @returns {Promise<void>} */
function load() {
  if (isIncomplete) {
    location.reload();
    return new Promise(() => {});
  }
  return (loading ??= loadOnce());
}

async function loadOnce() {
  // All at once, rather than each when another has said that it needs it; unless the page came with them.
  const later = document.querySelector("template");
  if (later) document.head.append(later.content);
  try {
    // Dates take a while to begin, because languages and calendars do: they begin while the rest is on its way.
    [person] = await Promise.all([import("./person.js"), import("./dates.js")]);
  } catch {
    isIncomplete = true;
    throw new Unreachable();
  }
}

/** The same before it is needed; only then it matters that it failed. */
function loadEarly() {
  if (!isIncomplete) load().catch(() => {});
}

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
  // Shown when what it needs is there.
  if (isForPeople(path) && !person) return;
  clear();
  document.title = `${TITLES[/** @type {keyof typeof TITLES} */ (path)] ?? "Holdfast"} · Holdfast`;
  /** @type {HTMLElement | null | undefined} */
  let focus;
  if (isForPeople(path)) person?.show(path, main, view.signal);
  else {
    showHeader();
    focus = path === "/register" ? registerView(main, { entered, next: next() }) : signInView(main, { entered, why, next: next() });
  }
  why = "";
  if (!isFirst) focus ??= main.querySelector("h1");
  focus?.focus({ preventScroll: true });
  if (!isFirst) scrollTo(0, 0);
}

/** Takes everything away that is about somebody. */
function clear() {
  isStuck = false;
  view.abort();
  view = new AbortController();
  main.replaceChildren();
}

/** @param {string} address */
function go(address) {
  history.pushState(null, "", address);
  show();
}

/** Somebody has signed in. @param {session.User} user */
async function entered(user) {
  try {
    await load();
  } catch (error) {
    return fail(error);
  }
  // Unless the session has ended meanwhile.
  if (session.user() !== user) return;
  person?.begin();
  show();
}

session.onLeave((how, said = "") => {
  person?.end(how);
  clear();
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

connection.onChange((isReachable) => {
  if (person) person.showWaiting();
  else showConnection();
  if (isReachable && isStuck) void begin();
});

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
  isStuck = false;
  try {
    const asked = session.resume();
    if (session.mayBeThere()) loadEarly();
    const user = await asked;
    if (user) {
      await load();
      // Unless the session has ended meanwhile.
      if (session.user() !== user) return;
      person?.begin();
    }
    show(true);
    if (!user) (globalThis.requestIdleCallback ?? setTimeout)(loadEarly);
  } catch (error) {
    if (!isAbort(error)) fail(error);
  }
}

/** @param {unknown} error */
function fail(error) {
  clear();
  showHeader();
  isStuck = true;
  // It is asked until it is back.
  if (error instanceof Unreachable) connection.lost();
  const retry = element("button", { type: "button", class: "primary", onclick: () => void begin() }, "Try again");
  main.append(element("div", { class: "empty", role: "alert" }, element("h1", {}, "Not now"), element("p", {}, explain(error)), retry));
}

void begin();
