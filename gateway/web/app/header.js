// What is above every view: the name, and what else there is for who is there; and whether Holdfast can be reached.

import * as connection from "./connection.js";
import { element, find } from "./dom.js";

/** @param {...HTMLElement} rest */
export function showHeader(...rest) {
  const mark = element("span", { class: "mark", "aria-hidden": "true" });
  const brand = element("a", { class: "brand", href: "/" }, mark, element("span", { class: "word" }, "Holdfast"));
  find("#top").replaceChildren(brand, ...rest);
}

/** @param {string} [changes] those that wait, if any */
export function showConnection(changes) {
  const banner = find("#connection");
  const isAway = !connection.isReachable();
  banner.hidden = !isAway;
  const text = isAway ? `Holdfast cannot be reached. ${changes ? `${changes} until it is back.` : "Go on: changes are sent when it is back."}` : "";
  if (banner.textContent !== text) banner.textContent = text;
}
