// What is typed and not sent: kept for the person who typed it, in this tab, through a reload and through a session that
// ends. It goes when the person signs out, or somebody else signs in.

/** @typedef {Record<string, Record<string, string>>} Drafts */

const KEY = "holdfast-drafts";
/** @type {Drafts} */
let drafts = {};
let owner = "";

/** Somebody is there, or nobody. @param {string} user */
export function open(user) {
  if (owner === user && user) return;
  owner = user;
  drafts = stored();
  write();
}

/** What the same person typed before the page was loaded. @returns {Drafts} */
function stored() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
    return owner && kept.owner === owner ? kept.drafts : {};
  } catch {
    return {};
  }
}

function write() {
  try {
    if (Object.keys(drafts).length === 0) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, JSON.stringify({ owner, drafts }));
  } catch {
    // Full, or forbidden: memory has it.
  }
}

/** @param {string} name @param {Record<string, string>} fields */
export function keep(name, fields) {
  drafts[name] = fields;
  write();
}

/** @param {string} name */
export function drop(name) {
  delete drafts[name];
  write();
}

/** @param {string} name */
export const get = (name) => drafts[name];
