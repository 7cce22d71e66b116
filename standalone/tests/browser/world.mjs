// What the stories of the web app have in common: the browser, people with one each, and what must hold on every page.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const { chromium } = createRequire(import.meta.url)(process.env.PLAYWRIGHT_CORE);
const axe = readFileSync(path.join(process.env.WEB_TOOLS, "node_modules/axe-core/axe.min.js"), "utf8");

export const [origin, directory] = process.argv.slice(2);
export const PASSWORD = "correct horse battery staple";
export const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };
const screenshots = process.env.SCREENSHOTS ?? directory;
let people = 0;

/** Runs a story at each size, then closes the browser, whatever came of it. */
export async function at(sizes, story) {
  // Chromium as root has no sandbox; what it talks to is this test's own server.
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  try {
    for (const [size, viewport] of Object.entries(sizes)) {
      const world = { browser, size, viewport };
      await story(world);
    }
  } finally {
    await browser.close();
  }
}

/** A person's browser: nothing in it is shared with another's. */
export async function context(world, options = {}) {
  const made = await world.browser.newContext({
    viewport: world.viewport,
    hasTouch: world.size === "phone",
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    reducedMotion: "reduce",
    ...options,
  });
  // A busy machine is slow, not wrong.
  made.setDefaultTimeout(60_000);
  await made.addInitScript({ content: axe });
  return made;
}

/** A tab in which nothing may go wrong, but for the refusals that the story provokes: the browser tells of them too. */
export async function tab(browser, address = "/") {
  const page = await browser.newPage();
  page.complaints = [];
  page.on("console", (message) => message.type() === "error" && page.complaints.push(message.text()));
  page.on("pageerror", (error) => page.complaints.push(String(error.stack)));
  await page.goto(origin + address);
  return page;
}

/** @param {RegExp[]} expected what the story provoked */
export function assertQuiet(page, ...expected) {
  const rest = page.complaints.filter((text) => !expected.some((known) => known.test(text)));
  assert.deepEqual(rest, [], "the console is quiet");
  page.complaints.length = 0;
}

export const newEmail = () => `person${(people += 1)}.${process.pid}@example.com`;

/** Makes an account by the page, and waits for its tasks. */
export async function register(page, { email = newEmail(), name = "" } = {}) {
  await page.goto(`${origin}/register`);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  if (name) await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.getByText("All clear").waitFor();
  return email;
}

export async function signIn(page, email, password = PASSWORD) {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

export async function add(page, line) {
  await page.getByLabel("New task").fill(line);
  await page.keyboard.press("Enter");
}

/** Everything that was done is answered. */
export const sent = (page) => page.waitForFunction(() => !document.querySelector(".task.pending"));

/** The row of a task. */
export const row = (page, title) => page.locator(".task", { has: page.getByText(title, { exact: true }) });

/** A call of the API by the page's session, as by another device of the person. */
export async function call(page, method, address, body) {
  const answer = await page.evaluate(
    async ([method, address, body]) => {
      const headers = body === undefined ? {} : { "content-type": "application/json" };
      const answer = await fetch(address, { method, headers, body: body && JSON.stringify(body) });
      const text = await answer.text();
      return { status: answer.status, text };
    },
    [method, address, body],
  );
  return { status: answer.status, json: answer.text === "" ? undefined : JSON.parse(answer.text) };
}

/** Another device of a person: it calls the API, and needs no browser. */
export async function device(email) {
  const ask = async (method, address, body, headers = {}) => {
    const answer = await fetch(origin + address, { method, headers: { "content-type": "application/json", ...headers }, body: body && JSON.stringify(body) });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${address}: ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  const { tokens } = await ask("POST", "/v1/auth/login", { email, password: PASSWORD });
  return (method, address, body) => ask(method, address, body, { authorization: `Bearer ${tokens.accessToken}` });
}

/** No barrier that can be found by a program, nothing wider than the window; and a picture for who looks. */
export async function look(world, page, name) {
  const barriers = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
  assert.deepEqual(barriers, [], `${name} at ${world.size}`);
  const widths = world.size === "phone" ? [320, world.viewport.width] : [world.viewport.width];
  for (const width of widths) {
    await page.setViewportSize({ ...world.viewport, width });
    const overflow = await page.evaluate(() =>
      Math.max(document.documentElement.scrollWidth - innerWidth, ...[...document.querySelectorAll("dialog, dialog *")].map((part) => part.getBoundingClientRect().right - innerWidth), ...[...document.querySelectorAll("dialog")].map((dialog) => dialog.scrollWidth - dialog.clientWidth)),
    );
    assert.ok(overflow <= 0, `${name} is ${overflow} pixels wider than ${width}`);
  }
  if (world.size === "phone") {
    // For fingers: 44 pixels. A link within a sentence is as high as the sentence.
    const small = await page.evaluate(() =>
      [...document.querySelectorAll("button, select, input, a[href]")]
        .filter((control) => control.checkVisibility({ visibilityProperty: true }) && !control.closest("p, .hidden-text, .skip, .version"))
        .filter((control) => control.getBoundingClientRect().height < 43.5)
        .map((control) => control.outerHTML.slice(0, 120)),
    );
    assert.deepEqual(small, [], `${name} has small targets`);
  }
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: path.join(screenshots, `${name}-${world.size}.png`) });
}

/** What a script of the page could find out about the session, anywhere. */
export async function assertNoTokens(page) {
  const found = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, document.documentElement.outerHTML]));
  assert.ok(!/eyJ[\w-]{10}|hfr_[\w-]{10}/.test(found), "no token is where a script could find it");
}
