// What a list shows: kept in the address, so that it can be kept, sent and gone back to.

import { element, icon, debounced } from "./dom.js";
import { ORDERS } from "./task.js";

/** @typedef {import("./task.js").Filters} Filters */

const STATES = { active: "Active", completed: "Completed", all: "All" };
const PRIORITIES = { "": "Any priority", high: "High", medium: "Medium", low: "Low" };
const DUES = { "": "Any due", overdue: "Overdue", today: "Today", week: "Next 7 days", none: "No due" };
const TYPING_MS = 200;

/**
 * @template {string} Choice
 * @param {Record<Choice, unknown>} choices
 * @param {string | null} value
 * @param {Choice} otherwise
 * @returns {Choice}
 */
const oneOf = (choices, value, otherwise) => (value !== null && Object.hasOwn(choices, value) ? /** @type {Choice} */ (value) : otherwise);

/** @param {string} search as in an address @returns {Filters} */
export function fromAddress(search) {
  const asked = new URLSearchParams(search);
  return {
    search: (asked.get("q") ?? "").slice(0, 200),
    state: oneOf(STATES, asked.get("state"), "active"),
    priority: oneOf(PRIORITIES, asked.get("priority"), ""),
    tag: (asked.get("tag") ?? "").slice(0, 50),
    due: oneOf(DUES, asked.get("due"), ""),
    sort: oneOf(ORDERS, asked.get("sort"), "newest"),
  };
}

/** @param {Partial<Filters>} filters */
export function toAddress({ search, state = "active", priority, tag, due, sort = "newest" }) {
  const asked = new URLSearchParams();
  if (search) asked.set("q", search);
  if (state !== "active") asked.set("state", state);
  if (priority) asked.set("priority", priority);
  if (tag) asked.set("tag", tag);
  if (due) asked.set("due", due);
  if (sort !== "newest") asked.set("sort", sort);
  return asked.size === 0 ? "/" : `/?${asked}`;
}

/** Whether a list leaves out what the person may look for. @param {Filters} filters */
export const isNarrowed = ({ search, priority, tag, due }) => Boolean(search || priority || tag || due);

/**
 * The controls. `changed` is told what is asked now, and whether it is only being typed.
 *
 * @param {() => Filters} current
 * @param {(filters: Filters, isTyping: boolean) => void} changed
 */
export function filterBar(current, changed) {
  const search = element("input", { id: "search", type: "search", placeholder: "Search", autocomplete: "off", "aria-label": "Search tasks", maxlength: 200, dir: "auto" });
  search.addEventListener("input", debounced(() => changed({ ...current(), search: search.value }, true), TYPING_MS));
  /** @param {"priority" | "due" | "sort"} name @param {string} label @param {Record<string, string>} choices */
  const choice = (name, label, choices) => {
    const select = element(
      "select",
      { name, "aria-label": label },
      ...Object.entries(choices).map(([value, text]) => element("option", { value }, text)),
    );
    select.addEventListener("change", () => changed(/** @type {Filters} */ ({ ...current(), [name]: select.value }), false));
    return select;
  };
  const selects = [
    choice("due", "Due", DUES),
    choice("priority", "Priority", PRIORITIES),
    choice("sort", "Sort", Object.fromEntries(Object.entries(ORDERS).map(([name, { label }]) => [name, label]))),
  ];
  const tag = element("button", { type: "button", class: "chip tag", onclick: () => changed({ ...current(), tag: "" }, false) });
  // On a narrow screen the choices stand behind it.
  const fold = element("button", {
    type: "button",
    class: "fold",
    "aria-expanded": "false",
    onclick: () => fold.setAttribute("aria-expanded", String(bar.classList.toggle("open"))),
  });
  const bar = element(
    "search",
    { class: "filters" },
    element("div", { class: "search" }, icon("search"), search),
    fold,
    ...selects,
    tag,
  );
  /** Shows what is asked. */
  const show = () => {
    const filters = current();
    if (document.activeElement !== search) search.value = filters.search;
    for (const select of selects) {
      const value = filters[/** @type {"priority" | "due" | "sort"} */ (select.name)];
      select.value = value;
      select.classList.toggle("chosen", value !== "" && value !== "newest");
    }
    const chosen = selects.filter((select) => select.classList.contains("chosen")).length;
    fold.textContent = chosen > 0 ? `Filter (${chosen})` : "Filter";
    fold.classList.toggle("chosen", chosen > 0);
    tag.hidden = filters.tag === "";
    tag.replaceChildren(icon("tag"), filters.tag, icon("close"));
    tag.setAttribute("aria-label", `Tag ${filters.tag}. Press to show all tags`);
  };
  show();
  return { bar, show };
}
