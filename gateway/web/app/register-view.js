// Makes an account and signs in.

import { element } from "./dom.js";
import { emailField, field, form, passwordField } from "./fields.js";
import * as session from "./session.js";

/** @param {HTMLElement} main @param {{ entered: (user: session.User) => Promise<void>, next: string }} options */
export function registerView(main, { entered, next }) {
  const name = field("displayName", "Name", { autocomplete: "name", maxlength: 100, dir: "auto" }, { hint: "Optional. How you are greeted here." });
  const email = emailField();
  const password = passwordField("password", "Password", "new-password");
  const other = next === "/" ? "/sign-in" : `/sign-in?${new URLSearchParams({ next })}`;
  main.append(
    element(
      "section",
      { class: "narrow" },
      element("h1", { tabindex: -1 }, "Make an account"),
      form({
        fields: [email, password, name],
        submit: "Make the account",
        busy: "Making it…",
        send: async () => {
          const user = await session.register(email.input.value, password.input.value, name.input.value);
          password.reveal(false);
          await entered(user);
        },
        explain: ({ reason }) => {
          if (reason === "EMAIL_TAKEN") return "There is an account with this e-mail address. Sign in instead.";
          if (reason === "SECURE_ORIGIN_REQUIRED") return "Registering needs https here: the browser would not keep the session otherwise.";
          return undefined;
        },
      }),
      element("p", { class: "quiet" }, "You have one? ", element("a", { href: other }, "Sign in")),
    ),
  );
  return email.input;
}
