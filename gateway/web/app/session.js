// Who is signed in. What stays in the browser besides the cookies is the id of that person, so that a page knows without
// asking that nobody is, and a tab notices that somebody else is.

import * as api from "./api.js";
import { hear, tell } from "./channel.js";

/** @typedef {Required<import("./task.js").Schemas["holdfast.auth.v1.User"]>} User */

const KEY = "holdfast-user";
/** @type {User | undefined} */
let current;
/** @typedef {(how: "ended" | "left", why?: string) => void} Leave */
/** @type {Leave} */
let leave = () => {};

export const user = () => current;

/** The id of who is signed in; a view is only there when somebody is. */
export function userId() {
  if (!current) throw new Error("nobody is signed in");
  return current.id;
}

/** Whether there is anybody to ask for. */
export const mayBeThere = () => localStorage.getItem(KEY) !== null;

/**
 * Asks who is signed in, if there is anybody to ask for.
 *
 * @returns {Promise<User | undefined>}
 */
export async function resume() {
  if (!mayBeThere()) return undefined;
  try {
    const { user } = /** @type {{ user: User }} */ (await api.call("GET", "/session", { keepsSession: true }));
    keep(user);
  } catch (error) {
    if (!(error instanceof api.ApiError) || error.status !== 401) throw error;
    forget();
  }
  return current;
}

/** @param {string} email @param {string} password */
export const signIn = (email, password) => begin("/session", { email, password });

/** @param {string} email @param {string} password @param {string} displayName */
export const register = (email, password, displayName) => begin("/session/register", { email, password, displayName });

/** @param {string} path @param {object} body */
async function begin(path, body) {
  // An answer of the session before that comes later would bring its cookies back.
  const { user } = /** @type {{ user: User }} */ (await api.alone(() => api.call("POST", path, { body, keepsSession: true })));
  keep(user);
  tell({ kind: "signed-in", user: user.id });
  return user;
}

/** Signs out: here and in the other tabs, as soon as the service has done it. @param {string} [why] */
export async function signOut(why) {
  await api.alone(() => api.request("DELETE", "/session", { keepsSession: true }));
  over(why);
}

/** The session has ended by what was done here: the other tabs are told, and this one leaves. @param {string} [why] */
export function over(why) {
  const id = current?.id ?? "";
  forget();
  tell({ kind: "signed-out", user: id });
  leave("left", why);
}

/** @param {User} user */
function keep(user) {
  current = user;
  localStorage.setItem(KEY, user.id);
}

function forget() {
  current = undefined;
  localStorage.removeItem(KEY);
}

/** Whether this page still shows the person whose cookies the browser has. */
export const isStillMine = () => current?.id === (localStorage.getItem(KEY) ?? undefined);

/**
 * Watches over the session from elsewhere: `ended` keeps what is typed for the same person, `left` keeps nothing.
 *
 * @param {Leave} listener
 */
export function onLeave(listener) {
  leave = listener;
  api.onSessionEnd(() => {
    if (!current) return;
    api.abortAll();
    forget();
    listener("ended");
  });
  hear((message) => {
    // It may have been noticed already, as if the session had ended by itself.
    if (message.kind === "signed-out" && (!current || current.id === message.user)) {
      api.abortAll();
      forget();
      listener("left");
    }
    // Somebody signed in elsewhere: this page is of nobody, or of somebody before.
    if (message.kind === "signed-in" && current?.id !== message.user) {
      api.abortAll();
      current = undefined;
      location.reload();
    }
  });
}
