// What is typed and not sent: kept while the page lives, for the person who typed it, so that a session that ends loses
// nothing. It is never stored.

/** @type {Map<string, Record<string, string>>} */
const drafts = new Map();
let owner = "";

/** Somebody is there, or nobody: what another person typed goes. @param {string} user */
export function open(user) {
  if (owner !== user) drafts.clear();
  owner = user;
}

/** @param {string} name @param {Record<string, string>} fields */
export const keep = (name, fields) => void drafts.set(name, fields);
/** @param {string} name */
export const drop = (name) => void drafts.delete(name);
/** @param {string} name */
export const get = (name) => drafts.get(name);
/** Those whose names begin so. @param {string} prefix */
export const names = (prefix) => [...drafts.keys()].filter((name) => name.startsWith(prefix));
