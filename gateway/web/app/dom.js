// Builds elements. Text goes in as text, never as markup, and nothing is styled from here, so the page can forbid both.

/** @typedef {Node | string | null | undefined | false} Child */
/** @typedef {{ [name: string]: string | number | boolean | null | undefined | ((event: any) => void) }} Attributes */

/**
 * An element. `on…` listens, `true` sets an attribute without a value, `false` and `null` leave it out; `value` and
 * `checked` are set as properties, because a form's fields do not follow their attributes.
 *
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  append(made, children);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked") /** @type {any} */ (made)[key] = value;
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, String(value));
  }
  return made;
}

/** @param {Element} parent @param {Child[]} children */
export function append(parent, children) {
  for (const child of children) if (child || child === "") parent.append(child);
}

/** @param {Element} parent @param {...Child} children */
export function replace(parent, ...children) {
  parent.replaceChildren();
  append(parent, children);
}

/** Drawn on 16 by 16, in strokes of the colour of the text around. */
const ICONS = {
  check: "M3 8.5l3.5 3.5L13 4.5",
  bin: "M2.5 4.5h11M6 4.5V3h4v1.5M4 4.5l.7 8.5h6.6l.7-8.5M6.7 7v3.5M9.3 7v3.5",
  back: "M6 4L2.5 7.5 6 11M2.5 7.5H10a3.5 3.5 0 010 7H7",
  search: "M7 12A5 5 0 107 2a5 5 0 000 10zM10.6 10.6L14 14",
  close: "M4 4l8 8M12 4l-8 8",
  all: "M1.5 9l3 3L10 5.5M8 10.5L9.5 12 15 5.5",
  flag: "M4 14V2.5h8l-1.8 3L12 8.5H4",
  clock: "M8 14A6 6 0 108 2a6 6 0 000 12zM8 5v3.2l2 1.6",
  tag: "M2.5 8V2.5H8l5.5 5.5L8 13.5zM5.3 5.3h.1",
  plus: "M8 3v10M3 8h10",
};

/** An icon beside a text, or in a control that has a label: readers skip it. @param {keyof typeof ICONS} name */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 16 16", "aria-hidden": "true", class: "icon" })) {
    drawing.setAttribute(key, value);
  }
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}

/** A control that has only an icon. @param {keyof typeof ICONS} name @param {string} label @param {Attributes} attributes */
export function iconButton(name, label, attributes) {
  return element("button", { type: "button", class: "icon-button", "aria-label": label, title: label, ...attributes }, icon(name));
}

/** @param {string} selector @param {ParentNode} [within] @returns {HTMLElement} */
export function find(selector, within = document) {
  const found = within.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`there is no ${selector}`);
  return found;
}

/**
 * Runs something once when calls of it have paused.
 *
 * @param {() => void} run
 * @param {number} milliseconds
 */
export function debounced(run, milliseconds) {
  /** @type {number | undefined} */
  let timer;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(run, milliseconds);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}
