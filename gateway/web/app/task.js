// A task: what it is, which filters it passes, which of two comes first. The service decides both for what it lists;
// the page must for what it hears of meanwhile.

import { beginning, isOverdue, startOf, today, ZONE } from "./dates.js";

/** @typedef {import("#openapi").components["schemas"]} Schemas */
/** @typedef {Schemas["holdfast.task.v1.Due"]} Due */
/** @typedef {Schemas["holdfast.task.v1.Priority"]} Priority */
/** @typedef {Schemas["holdfast.task.v1.Task"]} Sent */
/** The fields without presence are always sent. */
/** @typedef {Sent & { id: string, title: string, description: string, completed: boolean, priority: Priority, tags: string[], createTime: string, updateTime: string, etag: string }} Task */
/** What may be changed; null clears. */
/** @typedef {{ title?: string, description?: string, priority?: Priority, tags?: string[], due?: Due | null, completed?: boolean }} Patch */
/** @typedef {{ search: string, state: "active" | "completed" | "all", priority: "" | "low" | "medium" | "high", tag: string, due: "" | "overdue" | "today" | "week" | "none", sort: string }} Filters */

/** @type {Record<string, Priority>} */
export const PRIORITIES = { high: "PRIORITY_HIGH", medium: "PRIORITY_MEDIUM", low: "PRIORITY_LOW" };
/** @type {Record<Priority, string>} */
export const PRIORITY_NAMES = { PRIORITY_UNSPECIFIED: "Medium", PRIORITY_LOW: "Low", PRIORITY_MEDIUM: "Medium", PRIORITY_HIGH: "High" };
const WEIGHTS = { PRIORITY_UNSPECIFIED: 2, PRIORITY_LOW: 1, PRIORITY_MEDIUM: 2, PRIORITY_HIGH: 3 };

/** The orders that a person can choose. */
export const ORDERS = {
  newest: { label: "Newest first", order: "created desc" },
  oldest: { label: "Oldest first", order: "created" },
  due: { label: "Due first", order: "due,priority desc" },
  priority: { label: "Priority", order: "priority desc,due" },
  title: { label: "Title", order: "title" },
  updated: { label: "Changed last", order: "updated desc" },
};

/** The accents that the service takes off; other marks make another letter. */
const ACCENTS = /[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u0652\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]/g;
/** @type {Record<string, string>} */
const PLAIN = { ς: "σ", ß: "ss", æ: "ae", œ: "oe", ø: "o", đ: "d", ð: "d", þ: "th", ħ: "h", ı: "i", ł: "l", ŧ: "t" };

/** Without case and accents, as the service finds and orders texts. @param {string} text */
const folded = (text) =>
  text.toLowerCase().normalize("NFD").replace(ACCENTS, "").normalize("NFC").replace(/[ςßæœøđðþħıłŧ]/g, (letter) => PLAIN[letter] ?? letter);

/** Times are written with as many digits as they need. @param {string | undefined} time */
const comparable = (time) => (time ?? "").replace(/(\.\d+)?Z$/, (fraction) => `.${fraction.replace(/\D/g, "").padEnd(9, "0")}`);

/** @param {Task} task @param {Task | undefined} other */
export const isNewer = (task, other) => !other || comparable(task.updateTime) > comparable(other.updateTime);

/** What ListTasks is asked. @param {Filters} filters @returns {Record<string, string>} */
export function query(filters) {
  /** @type {Record<string, string>} */
  const asked = { timeZone: ZONE, orderBy: orderOf(filters.sort) };
  if (filters.search.trim()) asked.search = filters.search.trim();
  if (filters.state !== "all") asked.state = `TASK_STATE_${filters.state.toUpperCase()}`;
  if (filters.priority) asked.priority = `PRIORITY_${filters.priority.toUpperCase()}`;
  if (filters.tag) asked.tag = filters.tag;
  const [day, tomorrow] = [today(), today(1)];
  // A day counts from its beginning, so that moments of today are later than the day itself.
  const late = `due < "${day}" OR (due > "${startOf(day).toISOString()}" AND due < "${new Date().toISOString()}")`;
  if (filters.due === "overdue") Object.assign(asked, { filter: `(${late})`, state: "TASK_STATE_ACTIVE" });
  if (filters.due === "today") Object.assign(asked, { dueAfter: day, dueBefore: tomorrow });
  if (filters.due === "week") Object.assign(asked, { dueAfter: day, dueBefore: today(7) });
  if (filters.due === "none") asked.filter = "-due:*";
  return asked;
}

/** @param {Task} task @param {Filters} filters */
export function passes(task, filters) {
  if (task.deleteTime) return false;
  if (filters.state !== "all" && task.completed !== (filters.state === "completed")) return false;
  if (filters.priority && task.priority !== PRIORITIES[filters.priority]) return false;
  if (filters.tag && !task.tags.includes(filters.tag.toLowerCase())) return false;
  if (!isDue(task, filters.due)) return false;
  const texts = [folded(task.title), folded(task.description)];
  return folded(filters.search).split(/\s+/).every((word) => texts.some((text) => text.includes(word)));
}

/** @param {Task} task @param {Filters["due"]} wanted */
function isDue(task, wanted) {
  if (wanted === "") return true;
  if (wanted === "none") return !task.due;
  if (wanted === "overdue") return !task.completed && isOverdue(task.due);
  const moment = task.due && beginning(task.due);
  return moment !== undefined && moment >= startOf(today()) && moment < startOf(today(wanted === "week" ? 7 : 1));
}

/** @param {string} sort */
export const orderOf = (sort) => ORDERS[/** @type {keyof typeof ORDERS} */ (sort)]?.order ?? ORDERS.newest.order;

/** Which of two tasks comes first. @param {string} order @returns {(one: Task, other: Task) => number} */
export function comparison(order) {
  const parts = order.split(",").map((part) => {
    const [field = "", direction] = part.trim().split(" ");
    return { field, sign: direction === "desc" ? -1 : 1 };
  });
  return (one, other) => {
    for (const { field, sign } of parts) {
      const difference = compare(field, one, other, sign);
      if (difference !== 0) return difference;
    }
    const sign = parts.at(-1)?.sign ?? 1;
    return one.id < other.id ? -sign : one.id > other.id ? sign : 0;
  };
}

/** Where the service puts a due: a day is at its midnight UTC. @param {Due} due */
const place = ({ date, dateTime }) => new Date(dateTime || `${date}T00:00Z`).getTime();

/** @param {string} field @param {Task} one @param {Task} other @param {number} sign */
function compare(field, one, other, sign) {
  /** @param {string} a @param {string} b */
  const text = (a, b) => (a < b ? -sign : a > b ? sign : 0);
  switch (field) {
    case "title":
      return text(folded(one.title), folded(other.title));
    case "priority":
      return sign * (WEIGHTS[one.priority] - WEIGHTS[other.priority]);
    case "due":
      // Without one, last both ways.
      if (!one.due || !other.due) return Number(!one.due) - Number(!other.due);
      return sign * (place(one.due) - place(other.due));
    case "updated":
      return text(comparable(one.updateTime), comparable(other.updateTime));
    default:
      return text(comparable(one.createTime), comparable(other.createTime));
  }
}

/** The fields in which two differ. @param {Patch} one @param {Patch} other @returns {(keyof Patch)[]} */
export function differing(one, other) {
  const plain = (/** @type {unknown} */ value) => JSON.stringify(canonical(value));
  return /** @type {(keyof Patch)[]} */ (Object.keys(one)).filter(
    (field) => plain(one[field]) !== plain(other[field]),
  );
}

/** A value without what says nothing: an absent due and null, an empty time zone. @param {unknown} value */
function canonical(value) {
  if (value === undefined || value === null) return null;
  if (Array.isArray(value)) return [...value].sort();
  if (typeof value !== "object") return value;
  const { date, dateTime } = /** @type {Due} */ (value);
  return dateTime ? { dateTime: new Date(dateTime).getTime() } : { date };
}
