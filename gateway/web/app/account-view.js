// The account: where it is signed in, its password, its data, its end.

import * as api from "./api.js";
import { tell } from "./announce.js";
import { ago, when } from "./dates.js";
import * as dialogs from "./dialogs.js";
import { element } from "./dom.js";
import { form, passwordField } from "./fields.js";
import * as session from "./session.js";
import * as store from "./store.js";
import { save } from "./transfer.js";

/** @typedef {Awaited<ReturnType<typeof api.listSessions>>[number]} Session */

/** @param {HTMLElement} main @param {AbortSignal} signal */
export function accountView(main, signal) {
  const user = session.user();
  if (!user) return;
  const list = sessions(signal);
  main.append(
    element(
      "div",
      { class: "account" },
      element("h1", { tabindex: -1 }, "Account"),
      element("p", { class: "who" }, element("strong", { dir: "auto" }, user.displayName || user.email), element("span", { class: "quiet", dir: "auto" }, `${user.displayName ? `${user.email} · ` : ""}since ${when(user.createTime)}`)),
      list.section,
    ),
  );
  // What stands below comes after it, so that nothing moves.
  void list.load().then(() => !signal.aborted && list.section.after(password(user.email, list.load), data(), end()));
  store.listen({ change: () => {}, stale: list.load }, signal);
}

/** What browsers and systems call themselves; those that also name another come before it. @type {[RegExp, string][]} */
const BROWSERS = [[/Edg/, "Edge"], [/OPR/, "Opera"], [/Firefox|FxiOS/, "Firefox"], [/Chrome|CriOS/, "Chrome"], [/Safari/, "Safari"], [/^curl/, "curl"], [/grpcurl/, "grpcurl"], [/grpc/, "gRPC"]];
/** @type {[RegExp, string][]} */
const SYSTEMS = [[/Android/, "Android"], [/iPhone/, "iPhone"], [/iPad/, "iPad"], [/Windows/, "Windows"], [/Mac OS X/, "macOS"], [/CrOS/, "ChromeOS"], [/Linux/, "Linux"]];

/** A browser and a system in words, as far as they can be told. @param {string} agent */
function device(agent) {
  const known = [BROWSERS, SYSTEMS].flatMap((names) => names.find(([pattern]) => pattern.test(agent))?.[1] ?? []);
  return known.join(" on ") || agent || "Unknown device";
}

/** @param {AbortSignal} signal */
function sessions(signal) {
  const heading = element("h2", { tabindex: -1 }, "Sessions");
  const list = element("ul", { class: "sessions", role: "list", "aria-busy": "true" }, element("li", { class: "skeleton" }, element("span", { class: "hidden-text" }, "Loading")));
  const others = element("button", {
    type: "button",
    hidden: true,
    onclick: async () => {
      if (!(await dialogs.confirm("End all other sessions?", "Every other browser and device has to sign in again.", "End them"))) return;
      await attempt(api.endOtherSessions, "All other sessions have ended.");
      await load(true);
    },
  }, "End all others");

  async function load(isEnding = false) {
    try {
      const all = await api.listSessions();
      if (signal.aborted) return;
      list.removeAttribute("aria-busy");
      list.replaceChildren(...all.map(item));
      others.hidden = all.length < 2;
      // What had the focus is gone.
      if (isEnding) (others.hidden ? heading : others).focus();
    } catch (error) {
      if (api.isAbort(error) || signal.aborted) return;
      list.replaceChildren(element("li", { class: "problem", role: "alert" }, api.explain(error)));
    }
  }

  /** @param {Session} one */
  function item(one) {
    const name = device(one.userAgent);
    const endIt = async () => {
      await attempt(() => api.endSession(one.id), `The session of ${name} has ended.`);
      await load(true);
    };
    return element(
      "li",
      { title: one.userAgent },
      element(
        "div",
        {},
        element("strong", {}, name),
        one.current && element("span", { class: "badge" }, "This one"),
        element("p", { class: "quiet" }, `${one.ipAddress || "Unknown address"} · last used `, element("time", { datetime: one.lastUsedTime, title: when(one.lastUsedTime) }, ago(one.lastUsedTime)), ` · signed in ${when(one.createTime)}`),
      ),
      !one.current && element("button", { type: "button", onclick: endIt, "aria-label": `End the session of ${name}, ${one.ipAddress}` }, "End"),
    );
  }

  return { load: () => load(), section: element("section", {}, element("div", { class: "section-head" }, heading, others), list) };
}

/** @param {string} email @param {() => void} changed */
function password(email, changed) {
  const current = passwordField("currentPassword", "Current password", "current-password");
  const next = passwordField("newPassword", "New password", "new-password");
  const made = form({
    fields: [current, next],
    submit: "Change the password",
    busy: "Changing it…",
    send: async () => {
      await api.changePassword(current.input.value, next.input.value);
      for (const { input, reveal } of [current, next]) {
        input.value = "";
        input.dispatchEvent(new Event("input"));
        reveal(false);
      }
      tell("The password is changed. All other sessions have ended.");
      changed();
    },
  });
  // By this a password manager knows whose password it is.
  made.prepend(element("input", { type: "text", class: "hidden-text", autocomplete: "username", value: email, readonly: true, tabindex: -1, "aria-hidden": "true" }));
  return element("section", {}, element("h2", {}, "Password"), made);
}

function data() {
  const button = element("button", {
    type: "button",
    onclick: () => attempt(async () => save(await api.exportAccount(), "account.json"), "Your data is saved as account.json."),
  }, "Export my data");
  return element(
    "section",
    {},
    element("h2", {}, "Your data"),
    element("p", { class: "quiet" }, "Account, sessions and what was recorded about them. Tasks are exported where they are listed."),
    button,
  );
}

function end() {
  return element(
    "section",
    { class: "danger-zone" },
    element("h2", {}, "Delete the account"),
    element("p", { class: "quiet" }, "The account, its sessions and all tasks are erased. There is no way back."),
    element("button", { type: "button", class: "danger", onclick: askForEnd }, "Delete the account"),
  );
}

function askForEnd() {
  void dialogs.show("Delete the account?", (/** @type {(value: void) => void} */ close) => {
    const secret = passwordField("password", "Your password", "current-password");
    const made = form({
      fields: [secret],
      submit: "Erase everything",
      busy: "Erasing…",
      kind: "danger",
      send: async () => {
        await api.deleteAccount(secret.input.value);
        close();
        const why = "Your account is deleted, with everything that was in it.";
        await session.signOut(why).catch(() => session.over(why));
      },
    });
    made.querySelector(".actions")?.append(element("button", { type: "button", onclick: () => close() }, "Cancel"));
    return [element("p", {}, "All tasks and everything about you here is erased at once. There is no way back."), made];
  });
}

/** @param {() => Promise<void>} work @param {string} done */
async function attempt(work, done) {
  try {
    await work();
    tell(done);
  } catch (error) {
    if (!api.isAbort(error)) tell(api.explain(error), { isError: true });
  }
}
