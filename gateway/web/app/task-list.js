// A list without an end: a page at a time as it is scrolled, each task in its place as it changes. Rows stay where they are,
// so that the browser's own search finds them; in a plain block, without a grid or `content-visibility` (which made scrolling
// twice as slow), five thousand of them stay smooth.

import { explain, isAbort, listTasks } from "./api.js";
import { everyMinute } from "./dates.js";
import { element } from "./dom.js";
import * as store from "./store.js";
import { comparison } from "./task.js";

/** @typedef {import("./task.js").Task} Task */
/** @typedef {{ element: HTMLLIElement, update: (task: Task) => void, isEditing: () => boolean, task: Task }} Row */
/**
 * @typedef {object} Kind
 * @property {string} label
 * @property {() => Record<string, string>} query
 * @property {(task: Task) => boolean} passes
 * @property {(task: Task) => Row} row
 * @property {(rows: number, more: boolean) => void} changed
 * @property {() => Node} empty
 */

const PAGE = 50;
const MOST = 1000;
/** A task that does not belong here any more by what was done here stays for a moment, so that it is seen why it goes. */
const LEAVING_MS = 700;

export class TaskList {
  /** @type {Map<string, Row>} */
  rows = new Map();
  /** @type {Kind} */
  #kind;
  #signal;
  #list;
  #end;
  #status;
  #next = "";
  #etag = "";
  #compare = comparison("created desc");
  /** @type {AbortController | undefined} */
  #asking;
  #observer;
  /** What is shown is what the page knew, because the service could not be asked. */
  #hasFailed = false;

  /** @param {Kind} kind @param {AbortSignal} signal */
  constructor(kind, signal) {
    this.#kind = kind;
    this.#signal = signal;
    this.#list = element("ul", { class: "tasks", "aria-label": kind.label });
    this.#end = element("div", { class: "end" });
    this.#status = element("div", { class: "list-status" });
    this.element = element("div", { class: "list" }, this.#list, this.#status, this.#end);
    this.#observer = new IntersectionObserver((entries) => {
      // Of several the last is how it is now.
      if (entries.at(-1)?.isIntersecting) void this.#more();
    }, { rootMargin: "1200px" });
    store.listen({ change: (ids) => this.#changed(ids), stale: () => void this.refresh() }, signal);
    everyMinute(() => this.rows.forEach((row) => row.update(row.task)), signal);
    signal.addEventListener("abort", () => {
      this.#observer.disconnect();
      this.#asking?.abort();
    });
  }

  /** Asks from the beginning. */
  async load() {
    this.#compare = comparison(this.#kind.query().orderBy ?? "created desc");
    this.#etag = "";
    this.#observer.disconnect();
    if (this.rows.size === 0) this.#skeleton();
    this.element.setAttribute("aria-busy", "true");
    await this.#ask(async (signal) => {
      const page = await listTasks({ ...this.#kind.query(), pageSize: String(PAGE) }, { signal });
      if (page) this.#show(this.#take(page.tasks), page);
    });
  }

  /** Asks whether what is shown is still so, for as much as is shown. */
  async refresh() {
    if (!this.#etag) return this.load();
    await this.#ask(async (signal) => {
      const wanted = Math.max(PAGE, this.rows.size);
      const query = { ...this.#kind.query(), pageSize: String(Math.min(MOST, wanted)) };
      const first = await listTasks(query, { signal, etag: this.#etag });
      if (!first) return;
      const tasks = [...first.tasks];
      let page = first;
      while (tasks.length < wanted && page.nextPageToken) {
        page = /** @type {typeof first} */ (await listTasks({ ...query, pageToken: page.nextPageToken }, { signal }));
        tasks.push(...page.tasks);
      }
      this.#show(this.#take(tasks), { nextPageToken: page.nextPageToken, etag: first.etag });
    });
  }

  async #more() {
    if (!this.#next || this.#asking) return;
    await this.#ask(async (signal) => {
      const page = await listTasks({ ...this.#kind.query(), pageSize: String(PAGE), pageToken: this.#next }, { signal });
      if (!page) return;
      this.#next = page.nextPageToken;
      const rows = document.createDocumentFragment();
      for (const task of this.#take(page.tasks)) {
        if (!this.rows.has(task.id)) rows.append(this.#row(task).element);
      }
      this.#list.append(rows);
    });
  }

  /** @param {(signal: AbortSignal) => Promise<void>} work */
  async #ask(work) {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    try {
      await work(asking.signal);
      if (this.#signal.aborted) return;
      this.#asking = undefined;
      this.#hasFailed = false;
      this.element.removeAttribute("aria-busy");
      // What is not answered yet is not in the service's list.
      for (const id of store.pendingIds()) this.#change(id);
      this.#settled();
    } catch (error) {
      if (isAbort(error) || this.#signal.aborted) return;
      this.#asking = undefined;
      this.#failed(error);
    }
  }

  #settled() {
    if (this.element.hasAttribute("aria-busy")) return;
    this.#kind.changed(this.rows.size, this.#next !== "");
    if (this.#hasFailed) return;
    this.#status.replaceChildren();
    if (this.rows.size === 0 && !this.#next) this.#status.append(this.#kind.empty());
    // Observed anew, it tells at once whether the end is still in sight.
    this.#observer.unobserve(this.#end);
    if (this.#next) this.#observer.observe(this.#end);
  }

  /** @param {unknown} error */
  #failed(error) {
    this.element.removeAttribute("aria-busy");
    this.#hasFailed = true;
    if (!this.#etag) this.#show(store.all().filter(this.#kind.passes).sort(this.#compare), { nextPageToken: "", etag: "" });
    this.#settled();
    const doubt = this.rows.size > 0 && " What is shown may be old, and not all.";
    this.#status.replaceChildren(
      element("div", { class: "empty", role: "alert" }, element("p", {}, explain(error), doubt), element("button", { type: "button", onclick: () => this.refresh() }, "Try again")),
    );
  }

  #skeleton() {
    const rows = Array.from({ length: 6 }, () => element("div", { class: "skeleton", "aria-hidden": "true" }));
    this.#status.replaceChildren(element("p", { class: "hidden-text" }, "Loading"), ...rows);
  }

  /** What the service listed, as it will be; whether it belongs here the service knows, but for what happened since. @param {Task[]} tasks */
  #take(tasks) {
    return tasks.flatMap((task) => {
      store.put(task, true);
      const now = store.get(task.id) ?? task;
      return (now.etag === task.etag && !store.isPending(task.id)) || this.#kind.passes(now) ? now : [];
    });
  }

  /** @param {Task[]} shown @param {{ nextPageToken: string, etag: string }} page */
  #show(shown, page) {
    this.#next = page.nextPageToken;
    this.#etag = page.etag;
    const wanted = new Set(shown.map(({ id }) => id));
    for (const [id, row] of this.rows) {
      const stays = wanted.has(id) || row.isEditing() || (store.isPending(id) && this.#kind.passes(row.task));
      if (!stays) this.#drop(id);
    }
    const focused = document.activeElement;
    let place = this.#list.firstElementChild;
    for (const task of shown) {
      const row = this.rows.get(task.id);
      row?.update(task);
      const item = (row ?? this.#row(task)).element;
      if (item === place) place = place.nextElementSibling;
      else this.#list.insertBefore(item, place);
    }
    if (focused instanceof HTMLElement && this.#list.contains(focused)) focused.focus({ preventScroll: true });
  }

  /** @param {Task} task */
  #row(task) {
    const row = this.#kind.row(task);
    this.rows.set(task.id, row);
    return row;
  }

  /** Tasks changed, here or elsewhere. @param {string[]} ids */
  #changed(ids) {
    const leaving = ids.filter((id) => this.#change(id));
    this.#settled();
    if (leaving.length === 0) return;
    setTimeout(() => {
      for (const id of leaving) {
        const row = this.rows.get(id);
        if (row?.element.classList.contains("leaving") && !row.isEditing()) this.#drop(id);
      }
      this.#settled();
    }, LEAVING_MS);
  }

  /** @param {string} id @returns {boolean} whether it is to leave */
  #change(id) {
    const [task, row] = [store.get(id), this.rows.get(id)];
    if (!task) {
      // It never came to be.
      this.#drop(id);
      return false;
    }
    const belongs = this.#kind.passes(task);
    if (row) {
      const moves = belongs && this.#compare(row.task, task) !== 0;
      row.update(task);
      if (belongs || row.isEditing()) {
        row.element.classList.remove("leaving");
        if (moves) this.#place(row);
      } else if (task.deleteTime) this.#drop(id);
      else if (!store.isPending(id) && !row.element.classList.contains("leaving")) {
        row.element.classList.add("leaving");
        return true;
      }
    } else if (belongs && !this.element.hasAttribute("aria-busy")) {
      const last = this.#lastRow();
      if (!this.#next || !last || this.#compare(last.task, task) >= 0) this.#place(this.#row(task));
    }
    return false;
  }

  /** @param {string} id */
  #drop(id) {
    const item = this.rows.get(id)?.element;
    this.rows.delete(id);
    if (!item) return;
    // The focus goes on to the next row rather than getting lost.
    const next = item.nextElementSibling ?? item.previousElementSibling;
    const hadFocus = item.contains(document.activeElement);
    item.remove();
    if (!hadFocus) return;
    (next instanceof HTMLElement ? next : this.element.closest("main"))?.focus({ preventScroll: true });
  }

  #lastRow() {
    const last = this.#list.lastElementChild;
    return last instanceof HTMLElement ? this.rows.get(last.dataset.id ?? "") : undefined;
  }

  /** Puts a row where its task belongs. @param {Row} row */
  #place(row) {
    const focused = document.activeElement;
    const hadFocus = row.element.contains(focused);
    if (row.element.parentElement) row.element.remove();
    const items = /** @type {HTMLCollectionOf<HTMLElement>} */ (this.#list.children);
    let [low, high] = [0, items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.rows.get(items[middle]?.dataset.id ?? "");
      if (other && this.#compare(other.task, row.task) <= 0) low = middle + 1;
      else high = middle;
    }
    this.#list.insertBefore(row.element, items[low] ?? null);
    if (hadFocus && focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }
}
