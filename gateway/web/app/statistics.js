// How much there is, and the shortest way to it.

import { getStatistics, isAbort } from "./api.js";
import { count, everyMinute, ZONE } from "./dates.js";
import { debounced, element } from "./dom.js";
import { toAddress } from "./filters.js";
import * as store from "./store.js";

/** @typedef {import("./task.js").Filters} Filters */

const PAUSE_MS = 150;
/** @type {{ name: "total" | "active" | "completed" | "overdue", label: string, filters: Partial<Filters> }[]} */
const CARDS = [
  { name: "active", label: "Active", filters: {} },
  { name: "overdue", label: "Overdue", filters: { due: "overdue" } },
  { name: "completed", label: "Completed", filters: { state: "completed" } },
  { name: "total", label: "Total", filters: { state: "all" } },
];

/** @param {() => Filters} current @param {AbortSignal} signal */
export function statistics(current, signal) {
  const cards = CARDS.map(({ name, label, filters }) => {
    const number = element("strong", {}, "–");
    const link = element("a", { class: `card ${name}` }, number, element("span", {}, label));
    return { name, filters, number, link };
  });
  const nav = element("nav", { class: "statistics", "aria-label": "Statistics" }, ...cards.map(({ link }) => link));

  async function ask() {
    try {
      const numbers = await getStatistics(ZONE);
      for (const { name, number, link } of cards) {
        number.textContent = count(numbers[name]);
        link.classList.toggle("some", numbers[name] > 0);
      }
    } catch (error) {
      // The list says what is wrong; the last numbers stay.
      if (!isAbort(error)) return;
    }
  }

  /** Which of them the list shows. */
  const show = () => {
    const { state, due, search, priority, tag, sort } = current();
    for (const { link, filters } of cards) {
      link.setAttribute("href", toAddress({ ...filters, sort }));
      const isShown = !search && !priority && !tag && due === (filters.due ?? "") && state === (filters.state ?? "active");
      if (isShown) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  };

  const soon = debounced(ask, PAUSE_MS);
  store.listen({ change: soon, stale: soon }, signal);
  everyMinute(ask, signal);
  signal.addEventListener("abort", soon.cancel);
  void ask();
  show();
  return { nav, show };
}
