// Changes a task where it stands. What is typed is a draft until it is saved.

import { dayOf, fromFields, startOf, toFields } from "./dates.js";
import * as drafts from "./drafts.js";
import { element } from "./dom.js";
import { PRIORITIES } from "./task.js";

/** @typedef {import("./task.js").Task} Task */
/** @typedef {import("./task.js").Patch} Patch */

const MAX_TITLE = 200;
const MAX_DESCRIPTION = 10_000;
const MAX_TAGS = 20;
const MAX_TAG = 50;

/** Characters are code points, as the service counts them. @param {string} text */
const length = (text) => [...text].length;

/** What is wrong with a title. @param {string} title */
export function titleProblem(title) {
  if (title.trim() === "") return "A task needs a title.";
  const over = length(title.trim()) - MAX_TITLE;
  return over > 0 ? `The title has ${over} characters too many (at most ${MAX_TITLE}).` : undefined;
}

/** The fields of the form, of a task. @param {Task} task @returns {Record<string, string>} */
export function draftOf(task) {
  const { day, time } = toFields(task.due ?? undefined);
  const priority = Object.entries(PRIORITIES).find(([, value]) => value === task.priority)?.[0] ?? "medium";
  // A tag may have spaces in it; between such tags stand commas. One with a comma in it stands in quotation marks.
  const tags = task.tags.map((tag) => (tag.includes(",") ? `"${tag}"` : tag)).join(task.tags.some((tag) => /\s/.test(tag)) ? ", " : " ");
  return { title: task.title, description: task.description, priority, day, time, tags };
}

/** What a form changes of a task. @param {Task} task @param {Record<string, string>} fields @returns {Patch} */
function patchOf(task, fields) {
  const before = draftOf(task);
  /** @type {Patch} */
  const patch = {};
  if (fields.title !== before.title) patch.title = (fields.title ?? "").trim();
  if (fields.description !== before.description) patch.description = fields.description ?? "";
  if (fields.priority !== before.priority) {
    const priority = PRIORITIES[fields.priority ?? ""];
    if (priority) patch.priority = priority;
  }
  if (fields.tags !== before.tags) patch.tags = splitTags(fields.tags ?? "");
  if (fields.day !== before.day || fields.time !== before.time) {
    patch.due = fromFields(fields.day ?? "", fields.time ?? "") ?? null;
  }
  return patch;
}

/** @param {string} text */
function splitTags(text) {
  const hasCommas = text.replace(/"[^"]*"/g, "").includes(",");
  const tags = text.match(hasCommas ? /\s*"[^"]*"|[^,]+/g : /"[^"]*"|\S+/g) ?? [];
  return [...new Set(tags.map((tag) => tag.trim().replace(/^"(.*)"$/, "$1").replace(/^#+/, "").toLowerCase()).filter(Boolean))];
}

/** @param {Record<string, string>} fields @returns {[string, string] | undefined} the field and what is wrong with it */
function problemOf(fields) {
  const title = titleProblem(fields.title ?? "");
  if (title) return ["title", title];
  if (length(fields.description ?? "") > MAX_DESCRIPTION) return ["description", `The description has more than ${MAX_DESCRIPTION} characters.`];
  const tags = splitTags(fields.tags ?? "");
  if (tags.length > MAX_TAGS) return ["tags", `There are more than ${MAX_TAGS} tags.`];
  if (tags.some((tag) => length(tag) > MAX_TAG)) return ["tags", `A tag has more than ${MAX_TAG} characters.`];
  if (fields.time && !fields.day) return ["day", "A time needs a day."];
  const day = fields.day ?? "";
  if (day && dayOf(startOf(day)) !== day) return ["day", "There is no such day."];
  return undefined;
}

/**
 * @param {Task} task
 * @param {{ save: (base: Task, patch: Patch) => void, cancel: () => void }} actions
 */
export function editor(task, { save, cancel }) {
  const name = `edit:${task.id}`;
  const kept = drafts.get(name);
  const values = kept ?? draftOf(task);
  // What was typed is a change of what was there then, whatever has happened since.
  /** @type {Task} */
  const base = kept?.base ? JSON.parse(kept.base) : task;
  const id = (/** @type {string} */ field) => `${field}-${task.id}`;
  const problem = element("p", { id: id("problem"), class: "problem", role: "alert" });
  /** @param {string} field @param {string} label @param {HTMLElement} control @param {string} [kind] */
  const labelled = (field, label, control, kind = "") => {
    control.id = id(field);
    control.setAttribute("name", field);
    control.setAttribute("aria-describedby", problem.id);
    return element("div", { class: `field ${kind}` }, element("label", { for: control.id }, label), control);
  };
  const title = element("input", { type: "text", value: values.title, autocomplete: "off", dir: "auto", enterkeyhint: "done" });
  const description = element("textarea", { rows: 3, value: values.description, dir: "auto" });
  const priority = element(
    "select",
    {},
    ...["high", "medium", "low"].map((value) => element("option", { value }, value.charAt(0).toUpperCase() + value.slice(1))),
  );
  priority.value = values.priority ?? "medium";
  const form = element(
    "form",
    {
      class: "editor",
      novalidate: true,
      "aria-label": `Edit: ${task.title}`,
      oninput: () => drafts.keep(name, { ...read(), base: JSON.stringify(base) }),
      onsubmit: submit,
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Escape") close();
        else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
        else return;
        event.preventDefault();
        event.stopPropagation();
      },
    },
    labelled("title", "Title", title, "wide"),
    labelled("description", "Description", description, "wide"),
    labelled("day", "Due day", element("input", { type: "date", value: values.day })),
    labelled("time", "Time", element("input", { type: "time", value: values.time })),
    labelled("priority", "Priority", priority),
    labelled("tags", "Tags", element("input", { type: "text", value: values.tags, autocomplete: "off", autocapitalize: "none", dir: "auto" })),
    problem,
    element(
      "div",
      { class: "actions wide" },
      element("button", { class: "primary" }, "Save"),
      element("button", { type: "button", onclick: close }, "Cancel"),
    ),
  );

  const read = () => /** @type {Record<string, string>} */ (Object.fromEntries(new FormData(form)));

  function close() {
    drafts.drop(name);
    cancel();
  }

  /** @param {SubmitEvent} event */
  function submit(event) {
    event.preventDefault();
    const fields = read();
    /** @param {string} field */
    const control = (field) => /** @type {HTMLInputElement} */ (form.elements.namedItem(field));
    // Half a day, or one that no calendar has, is no value to the form, and must not become none.
    const half = ["day", "time"].find((field) => control(field).validity.badInput);
    const wrong = half ? [half, `The ${half} is not whole, or there is no such ${half}.`] : problemOf(fields);
    for (const field of form.querySelectorAll("[name]")) field.removeAttribute("aria-invalid");
    problem.textContent = wrong?.[1] ?? "";
    if (wrong) {
      const at = control(wrong[0] ?? "");
      at.setAttribute("aria-invalid", "true");
      at.focus();
      return;
    }
    drafts.drop(name);
    save(base, patchOf(base, fields));
  }

  return { form, focus: () => title.focus() };
}
