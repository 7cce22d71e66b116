// Days and moments, in the person's own zone and language.

/** @typedef {import("./task.js").Due} Due */

export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const LOCALE = navigator.languages?.length ? [...navigator.languages] : undefined;

const dayAndMonth = new Intl.DateTimeFormat(LOCALE, { weekday: "short", day: "numeric", month: "short" });
const dayAndYear = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", year: "numeric" });
const clock = new Intl.DateTimeFormat(LOCALE, { hour: "numeric", minute: "2-digit" });
const full = new Intl.DateTimeFormat(LOCALE, { dateStyle: "full" });
const fullMoment = new Intl.DateTimeFormat(LOCALE, { dateStyle: "full", timeStyle: "short" });
const shortMoment = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });
const numbers = new Intl.NumberFormat(LOCALE);

/** @param {number} number */
export const count = (number) => numbers.format(number);
/** @param {string} moment */
export const when = (moment) => shortMoment.format(new Date(moment));

/** The day of a moment here, as YYYY-MM-DD. @param {Date} moment */
export function dayOf(moment) {
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  return `${String(moment.getFullYear()).padStart(4, "0")}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
}

/** When a day begins here; `days` later if given. @param {string} day @param {number} [days] */
export function startOf(day, days = 0) {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  const start = new Date(2000, month - 1, date + days);
  start.setFullYear(year, month - 1, date + days);
  return start;
}

/** Today, or so many days later. @param {number} [days] */
export const today = (days = 0) => dayOf(startOf(dayOf(new Date()), days));

/** The moment at which it is due; of a day, its beginning here. @param {Due} due */
export const beginning = (due) => (due.dateTime ? new Date(due.dateTime) : startOf(due.date ?? ""));

/** @param {Due | undefined} due */
export function isOverdue(due) {
  if (!due) return false;
  return due.dateTime ? new Date(due.dateTime) < new Date() : (due.date ?? "") < today();
}

/** A due in few words: "today", "tomorrow 9:00", "Fri, 4 Dec". @param {Due} due */
export function dueText(due) {
  const moment = beginning(due);
  const distance = Math.round((startOf(dayOf(moment)).getTime() - startOf(today()).getTime()) / 86_400_000);
  let day = dayAndYear.format(moment);
  if (Math.abs(distance) <= 1) day = relative.format(distance, "day");
  else if (moment.getFullYear() === new Date().getFullYear() || (distance > 0 && distance < 180)) day = dayAndMonth.format(moment);
  return due.dateTime ? `${day}, ${clock.format(moment)}` : day;
}

/** All of it, for who wants to know exactly. @param {Due} due */
export const dueDetail = (due) => (due.dateTime ? fullMoment : full).format(beginning(due));

/** What the fields of a form say of a due. @param {Due | undefined} due */
export function toFields(due) {
  if (!due) return { day: "", time: "" };
  if (!due.dateTime) return { day: due.date ?? "", time: "" };
  const moment = new Date(due.dateTime);
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  return { day: dayOf(moment), time: `${two(moment.getHours())}:${two(moment.getMinutes())}` };
}

/** The due that the fields of a form say. @param {string} day @param {string} time @returns {Due | undefined} */
export function fromFields(day, time) {
  if (!day) return undefined;
  if (!time) return { date: day };
  const moment = startOf(day);
  const [hours = 0, minutes = 0] = time.split(":").map(Number);
  moment.setHours(hours, minutes);
  return { dateTime: moment.toISOString(), timeZone: ZONE };
}

/** Runs as each minute begins, and when the page is seen again: what is said of time changes by itself. @param {() => void} run @param {AbortSignal} signal */
export function everyMinute(run, signal) {
  /** @type {number | undefined} */
  let timer;
  const look = () => void (document.hidden || run());
  const wait = () => {
    timer = setTimeout(() => {
      wait();
      look();
    }, 60_050 - (Date.now() % 60_000));
  };
  document.addEventListener("visibilitychange", look, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  wait();
}

/** How long ago, roughly. @param {string} moment */
export function ago(moment) {
  const seconds = (new Date(moment).getTime() - Date.now()) / 1000;
  /** @type {[Intl.RelativeTimeFormatUnit, number][]} */
  const units = [["day", 86_400], ["hour", 3_600], ["minute", 60]];
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return relative.format(0, "minute");
}
