// Tasks in files: out, and back in.

import { explain, exportTasks, importTasks } from "./api.js";
import { tell } from "./announce.js";
import { count } from "./dates.js";
import * as dialogs from "./dialogs.js";
import { element } from "./dom.js";
import * as store from "./store.js";

/** @type {Record<string, string>} */
const TYPES = { json: "application/json", csv: "text/csv", ics: "text/calendar" };
const MAX_BYTES = 20 * 1024 * 1024;

/** Hands a file to the person. @param {Blob} content @param {string} name */
export function save(content, name) {
  const address = URL.createObjectURL(content);
  const link = element("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Opens what can be done with files. */
export function transfer() {
  return element("button", { type: "button", class: "link", onclick: open }, "Import and export");
}

function open() {
  void dialogs.show("Import and export", (/** @type {(value: void) => void} */ close) => {
    const outcome = element("div", { role: "status", class: "outcome" });
    const file = element("input", { id: "import-file", type: "file", accept: ".json,.csv,.ics" });
    /** @type {HTMLButtonElement[]} */
    const buttons = [];
    /** @param {HTMLButtonElement} button @param {() => Promise<void>} work */
    const busy = async (button, work) => {
      for (const each of buttons) each.disabled = true;
      try {
        await work();
      } catch (error) {
        outcome.replaceChildren(element("p", { class: "problem" }, explain(error)));
      } finally {
        for (const each of buttons) each.disabled = false;
        button.focus();
      }
    };
    const take = () =>
      busy(importButton, async () => {
        const [chosen] = file.files ?? [];
        const type = TYPES[chosen?.name.split(".").pop()?.toLowerCase() ?? ""];
        if (!chosen || !type) {
          outcome.replaceChildren(element("p", { class: "problem" }, "Choose a file whose name ends in .json, .csv or .ics."));
          return;
        }
        if (chosen.size > MAX_BYTES) {
          outcome.replaceChildren(element("p", { class: "problem" }, "The file has more than 20 MiB."));
          return;
        }
        outcome.replaceChildren(element("p", {}, "Importing…"));
        showOutcome(outcome, await importTasks(type, chosen));
        file.value = "";
        store.invalidate();
      });
    const importButton = element("button", { type: "button", class: "primary", onclick: take }, "Import");
    buttons.push(importButton);
    for (const [format, label] of Object.entries({ json: "JSON", csv: "CSV", ics: "iCalendar" })) {
      const button = element("button", {
        type: "button",
        onclick: () =>
          busy(button, async () => {
            save(await exportTasks(format), `tasks.${format}`);
            tell(`Exported as tasks.${format}.`);
          }),
      }, label);
      buttons.push(button);
    }
    return [
      element("h3", {}, "Export"),
      element("p", { class: "quiet" }, "Every task that is not in the trash."),
      element("div", { class: "actions" }, ...buttons.slice(1)),
      element("h3", {}, "Import"),
      element("p", { class: "quiet" }, "What was exported here, Todoist's CSV, the data.json of Vikunja, or a calendar's tasks. What is there already stays as it is."),
      element("label", { for: "import-file" }, "File"),
      file,
      element("div", { class: "actions" }, importButton),
      outcome,
      element("div", { class: "actions end-actions" }, element("button", { type: "button", onclick: () => close() }, "Close")),
    ];
  });
}

/** @param {HTMLElement} place @param {Awaited<ReturnType<typeof importTasks>>} result */
function showOutcome(place, { created, existing, failed, errors }) {
  const parts = [`${count(created)} new`, `${count(existing)} there already`, `${count(failed)} that cannot be used`];
  place.replaceChildren(element("p", {}, `Imported: ${parts.filter((part) => !part.startsWith("0 ") || part.endsWith("new")).join(", ")}.`));
  if (errors.length === 0) return;
  const lines = errors.map(({ line = 0, field, description = "" }) => element("li", {}, `Line ${count(line)}: ${field ? `${field} ` : ""}${description}`));
  place.append(element("ul", { class: "errors", tabindex: 0, "aria-label": "Records that cannot be used" }, ...lines));
}
