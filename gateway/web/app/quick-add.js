// One line makes a task: what it understands of it stands below, before anything is sent, and can be turned back into text.

import { dueDetail, dueText, fromFields, startOf, dayOf, today } from "./dates.js";
import * as drafts from "./drafts.js";
import { append, element, find, icon } from "./dom.js";
import * as edits from "./edits.js";
import { PRIORITIES, PRIORITY_NAMES } from "./task.js";
import { titleProblem } from "./editor.js";

/** @typedef {import("./task.js").Due} Due */
/** @typedef {import("./task.js").Priority} Priority */
/** @typedef {{ kind: "tag" | "priority" | "due", words: string, label: string, detail: string }} Part */
/** @typedef {{ title: string, tags: string[], priority?: Priority, due?: Due, parts: Part[] }} Understood */

const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/** The day that a word names, if it does. @param {string} word */
function dayNamed(word) {
  if (word === "today") return today();
  if (word === "tomorrow") return today(1);
  const weekday = word.length >= 3 ? WEEKDAYS.findIndex((name) => name === word || name.slice(0, 3) === word) : -1;
  if (weekday >= 0) return today((weekday - new Date().getDay() + 7) % 7 || 7);
  return /^\d{4}-\d\d-\d\d$/.test(word) && dayOf(startOf(word)) === word ? word : undefined;
}

/** A time as people write it, as HH:MM. @param {string} text */
function timeNamed(text) {
  const [, hours = "", minutes = "00", half] = /^(\d\d?)(?::([0-5]\d))?(am|pm)?$/.exec(text) ?? [];
  if (!half) return text.includes(":") && Number(hours) < 24 ? `${hours}:${minutes}` : "";
  return Number(hours) >= 1 && Number(hours) <= 12 ? `${(Number(hours) % 12) + (half === "pm" ? 12 : 0)}:${minutes}` : "";
}

/**
 * Understands a line: `#tag` and `!high` anywhere, a day at the end, with a time if need be; the rest is the title.
 *
 * @param {string} line
 * @param {ReadonlySet<string>} [asText] words that are to be taken as they stand
 * @returns {Understood}
 */
export function understand(line, asText = new Set()) {
  /** @type {Understood} */
  const found = { title: "", tags: [], parts: [] };
  const title = [];
  for (const word of line.split(/\s+/)) {
    const lower = word.toLowerCase();
    const [, tag] = /^#(?!\d+$)([^#]{1,50})$/.exec(lower) ?? [];
    const priority = PRIORITIES[/^!(high|medium|low)$/.exec(lower)?.[1] ?? ""];
    if (word === "") continue;
    if (asText.has(lower)) title.push(word);
    else if (tag && found.tags.length < 20) {
      if (found.tags.includes(tag)) continue;
      found.tags.push(tag);
      found.parts.push({ kind: "tag", words: lower, label: tag, detail: `tag ${tag}` });
    } else if (priority && !found.priority) {
      found.priority = priority;
      const label = `${PRIORITY_NAMES[priority]} priority`;
      found.parts.push({ kind: "priority", words: lower, label, detail: label });
    } else title.push(word);
  }
  const rest = title.map((word) => word.toLowerCase());
  const time = timeNamed(rest.at(-1) ?? "");
  if (time) rest.pop();
  if (time && rest.at(-1) === "at") rest.pop();
  const words = rest.slice(rest.at(-1) === "week" ? -2 : -1).join(" ").replace(/,$/, "");
  const day = dayNamed(words === "next week" ? "monday" : words);
  if (day && !asText.has(words)) {
    found.due = /** @type {Due} */ (fromFields(day, time));
    found.parts.push({ kind: "due", words, label: dueText(found.due), detail: `due ${dueDetail(found.due)}` });
    title.length = rest.length - words.split(" ").length;
  }
  found.title = title.join(" ");
  return found;
}

/** The form. @param {AbortSignal} signal */
export function quickAdd(signal) {
  /** @type {Set<string>} */
  const asText = new Set();
  const input = element("input", {
    id: "new-task",
    name: "task",
    type: "text",
    autocomplete: "off",
    enterkeyhint: "done",
    placeholder: "Water the plants #home !high tomorrow",
    "aria-describedby": "new-task-parts",
    dir: "auto",
    maxlength: 2000,
    value: drafts.get("new")?.line ?? "",
  });
  const parts = element("div", { id: "new-task-parts", class: "parts" });
  const form = element(
    "form",
    { class: "quick-add", onsubmit: submit },
    element("label", { for: "new-task", class: "hidden-text" }, "New task"),
    element("div", { class: "line" }, icon("plus"), input, element("button", { class: "primary" }, "Add")),
    parts,
  );

  function show() {
    const { parts: found } = understand(input.value, asText);
    parts.replaceChildren();
    if (input.value.trim() === "") {
      parts.append(element("span", { class: "quiet" }, "Understood: #tag, !high, !low; at the end fri, tomorrow 9:00, 2027-01-31."));
      return;
    }
    const icons = /** @type {const} */ ({ tag: "tag", priority: "flag", due: "clock" });
    append(
      parts,
      found.map(({ kind, words, label, detail }) =>
        element(
          "button",
          { type: "button", class: `chip ${kind}`, title: `${detail}. Press to keep it as text`, onclick: () => keepAsText(words) },
          icon(icons[kind]),
          label,
          element("span", { class: "hidden-text" }, `(keep “${words}” as text)`),
          icon("close"),
        ),
      ),
    );
  }

  /** @param {string} words */
  function keepAsText(words) {
    asText.add(words);
    show();
    input.focus();
  }

  /** @param {SubmitEvent} event */
  function submit(event) {
    event.preventDefault();
    const { title, tags, priority, due } = understand(input.value, asText);
    const problem = titleProblem(title);
    if (problem) {
      parts.replaceChildren(element("span", { class: "problem", role: "alert" }, problem));
      input.focus();
      return;
    }
    edits.create({ title, tags, ...(priority && { priority }), ...(due && { due }) });
    input.value = "";
    asText.clear();
    drafts.drop("new");
    show();
  }

  input.addEventListener("input", () => {
    if (input.value === "") asText.clear();
    drafts.keep("new", { line: input.value });
    show();
  });
  // Days have other names tomorrow.
  document.addEventListener("visibilitychange", show, { signal });
  show();
  return form;
}

export const focusQuickAdd = () => find("#new-task").focus();
