// Signs in, then goes where the person was going.

import { element } from "./dom.js";
import { emailField, form, passwordField } from "./fields.js";
import * as session from "./session.js";

/** @param {HTMLElement} main @param {{ entered: (user: session.User) => Promise<void>, why: string, next: string }} options */
export function signInView(main, { entered, why, next }) {
  const email = emailField();
  const password = passwordField("password", "Password", "current-password");
  const other = next === "/" ? "/register" : `/register?${new URLSearchParams({ next })}`;
  main.append(
    element(
      "section",
      { class: "narrow" },
      element("h1", { tabindex: -1 }, "Sign in"),
      why && element("p", { class: "notice", role: "status" }, why),
      form({
        fields: [email, password],
        submit: "Sign in",
        busy: "Signing in…",
        send: async () => {
          const user = await session.signIn(email.input.value, password.input.value);
          password.reveal(false);
          await entered(user);
        },
        explain: ({ reason }) => {
          if (reason === "INVALID_CREDENTIALS") return "The e-mail address or the password is wrong.";
          if (reason === "SECURE_ORIGIN_REQUIRED") return "Signing in needs https here: the browser would not keep the session otherwise.";
          return undefined;
        },
      }),
      element("p", { class: "quiet" }, "New here? ", element("a", { href: other }, "Make an account")),
    ),
  );
  return email.input;
}
