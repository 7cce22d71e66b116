// The fields of forms about accounts: labelled, with hints of the service's rules and its errors beside them, made so that
// password managers know what they are.

import { ApiError, explain, sentence } from "./api.js";
import { element } from "./dom.js";

/** The service's default, until it says what it is set to. */
let minPassword = 12;
const MAX_PASSWORD_BYTES = 1024;
const MAX_EMAIL_BYTES = 254;

/** @typedef {{ name: string, group: HTMLElement, input: HTMLInputElement, complain: (text: string) => void }} Field */

/** @param {string} text */
const bytes = (text) => new TextEncoder().encode(text).length;

/**
 * @param {string} name as the service's errors call it
 * @param {string} label
 * @param {import("./dom.js").Attributes} attributes
 * @param {{ hint?: string, check?: (value: string) => string, beside?: HTMLElement }} [options]
 * @returns {Field}
 */
export function field(name, label, attributes, { hint, check, beside } = {}) {
  const problem = element("p", { id: `${name}-problem`, class: "problem" });
  const described = hint ? `${name}-hint ${problem.id}` : problem.id;
  const input = element("input", { id: name, name, type: "text", "aria-describedby": described, ...attributes });
  const complain = (/** @type {string} */ text) => {
    problem.textContent = text;
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  let left = false;
  const look = () => complain(left && input.value !== "" && check ? check(input.value) : "");
  input.addEventListener("blur", () => {
    left = true;
    look();
  });
  input.addEventListener("input", look);
  const group = element(
    "div",
    { class: "field" },
    element("label", { for: name }, label),
    element("div", { class: "with-button" }, input, beside),
    hint && element("p", { id: `${name}-hint`, class: "quiet" }, hint),
    problem,
  );
  return { name, group, input, complain };
}

/** `autocomplete` is `username`, by which managers know it; its type is text, because browsers rewrite foreign domains in the other. */
export const emailField = () =>
  field(
    "email",
    "E-mail address",
    { autocomplete: "username", inputmode: "email", autocapitalize: "none", spellcheck: "false", required: true, dir: "ltr" },
    {
      check: (value) => {
        if (!/^[^\s@]+@[^\s@]+$/.test(value.trim())) return "An e-mail address looks like name@example.com.";
        return bytes(value.trim()) > MAX_EMAIL_BYTES ? "The address is too long." : "";
      },
    },
  );

/**
 * @param {string} name
 * @param {string} label
 * @param {"current-password" | "new-password"} autocomplete
 */
export function passwordField(name, label, autocomplete) {
  const isNew = autocomplete === "new-password";
  const toggle = element("button", { type: "button", class: "reveal", "aria-pressed": "false", "aria-controls": name }, "Show");
  const made = field(
    name,
    label,
    { type: "password", autocomplete, required: true, spellcheck: "false", autocapitalize: "none", dir: "ltr" },
    {
      beside: toggle,
      ...(isNew && { hint: `Best ${minPassword} characters or more. Several words that have nothing to do with each other are hard to guess.` }),
      check: (value) => {
        if (!isNew) return "";
        if (bytes(value) > MAX_PASSWORD_BYTES) return `The password is longer than ${MAX_PASSWORD_BYTES} bytes.`;
        const missing = minPassword - [...value].length;
        return missing > 0 ? `${missing === 1 ? "One character" : `${missing} characters`} more, please.` : "";
      },
    },
  );
  toggle.setAttribute("aria-label", `Show: ${label}`);
  /** @param {boolean} shown */
  const reveal = (shown) => {
    made.input.type = shown ? "text" : "password";
    toggle.textContent = shown ? "Hide" : "Show";
    toggle.setAttribute("aria-label", `${shown ? "Hide" : "Show"}: ${label}`);
    toggle.setAttribute("aria-pressed", String(shown));
  };
  toggle.addEventListener("click", () => {
    reveal(made.input.type === "password");
    made.input.focus();
  });
  return { ...made, reveal };
}

/**
 * A form that sends once at a time, and shows what was wrong where it was.
 *
 * @param {{ fields: Field[], submit: string, busy: string, send: () => Promise<void>, explain?: (error: ApiError) => string | undefined, kind?: string }} parts
 */
export function form({ fields, submit, busy, send, explain: special, kind = "primary" }) {
  const problem = element("p", { class: "problem summary-problem", role: "alert" });
  const button = element("button", { class: kind }, submit);
  let isSending = false;
  /** @param {SubmitEvent} event */
  const onsubmit = async (event) => {
    event.preventDefault();
    if (isSending) return;
    problem.textContent = "";
    const empty = fields.find(({ input }) => input.required && input.value === "");
    for (const { complain } of fields) complain("");
    if (empty) {
      empty.complain("This is needed.");
      empty.input.focus();
      return;
    }
    isSending = true;
    button.setAttribute("aria-disabled", "true");
    button.textContent = busy;
    try {
      await send();
    } catch (error) {
      show(error);
    } finally {
      isSending = false;
      button.removeAttribute("aria-disabled");
      button.textContent = submit;
    }
  };
  /** @param {unknown} error */
  const show = (error) => {
    const told = error instanceof ApiError ? special?.(error) : undefined;
    if (told) {
      problem.textContent = told;
      fields[0]?.input.focus();
      return;
    }
    /** @type {HTMLInputElement | undefined} */
    let first;
    for (const { field: name, description } of error instanceof ApiError ? error.fields : []) {
      const at = fields.find((field) => field.name === snakeToCamel(name));
      minPassword = Number(/at least (\d+) characters/.exec(description)?.[1] ?? minPassword);
      at?.complain(sentence(`it ${description}`));
      first ??= at?.input;
    }
    if (!first) problem.textContent = explain(error);
    (first ?? button).focus();
  };
  const made = element("form", { novalidate: true, onsubmit }, ...fields.map(({ group }) => group), element("div", { class: "actions" }, button), problem);
  return made;
}

/** Errors name the fields of the contract. @param {string} name */
const snakeToCamel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
