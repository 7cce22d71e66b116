// A person lives in a browser, in cookie mode: registers, keeps tasks, follows them, opens twenty tabs, leaves. No token is
// ever where a script could find it, and twenty tabs with an ended access token sign nobody out (BR-01, BR-07, BR-08).
// Arguments: the address of the gateway; the seconds after which an access token is renewed.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { setTimeout as wait } from "node:timers/promises";

const { chromium } = createRequire(import.meta.url)(process.env.PLAYWRIGHT_CORE);
const [origin, seconds] = process.argv.slice(2);
const TABS = 20;
const PASSWORD = "correct horse battery staple";

// Chromium as root has no sandbox; what it talks to is this test's own server.
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
// What any script, page or storage could have seen.
const seen = [];
const tokens = new Set();

const keepTokens = async (context) => {
  for (const { name, value, httpOnly, secure, sameSite, path } of await context.cookies()) {
    assert.deepEqual({ httpOnly, secure, sameSite, path }, { httpOnly: true, secure: true, sameSite: "Strict", path: "/" }, name);
    tokens.add(value);
  }
  return (await context.cookies()).map(({ name }) => name).toSorted();
};

/** A page's own script calls the API, and keeps everything that it is told. */
const call = async (page, method, path, body) => {
  const told = await page.evaluate(
    async ([method, path, body]) => {
      const headers = body === undefined ? {} : { "content-type": "application/json" };
      const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
      const text = await answer.text();
      return { status: answer.status, headers: [...answer.headers], text, cookie: document.cookie };
    },
    [method, path, body],
  );
  seen.push(JSON.stringify(told));
  assert.equal(told.cookie, "");
  return { status: told.status, json: told.text === "" ? undefined : JSON.parse(told.text) };
};

try {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${origin}/docs`);
  const person = { email: "grace@example.com", password: PASSWORD, displayName: "Grace" };
  const registered = await call(page, "POST", "/session/register", person);
  assert.equal(registered.status, 201);
  assert.deepEqual(registered.json.user.email, person.email);
  assert.equal(registered.json.tokens, undefined);
  assert.deepEqual(await keepTokens(context), ["__Host-holdfast-access", "__Host-holdfast-refresh"]);

  // Followed from one tab, changed from another.
  await page.evaluate(() => {
    window.told = [];
    window.events = new EventSource("/v1/tasks:watch");
    for (const name of ["task", "heartbeat"]) window.events.addEventListener(name, ({ data }) => window.told.push(data));
  });
  await page.waitForFunction(() => window.told.length > 0);
  const other = await context.newPage();
  await other.goto(`${origin}/docs`);
  const created = await call(other, "POST", "/v1/tasks", { title: "Buy milk" });
  assert.equal(created.status, 201);
  await page.waitForFunction((id) => window.told.some((data) => JSON.parse(data).task?.id === id), created.json.id);
  // It would renew the session by itself when its token ends.
  seen.push(await page.evaluate(() => (window.events.close(), JSON.stringify(window.told))));
  const changed = await call(other, "PATCH", `/v1/tasks/${created.json.id}`, { completed: true });
  assert.equal(changed.json.completed, true);
  assert.equal((await call(other, "GET", "/session")).json.user.displayName, "Grace");
  assert.equal((await call(other, "PATCH", `/v1/tasks/${created.json.id}`, { title: "" })).status, 400);

  // Twenty tabs wake up with an access token that has ended.
  const tabs = await Promise.all(
    Array.from({ length: TABS }, async () => {
      const tab = await context.newPage();
      await tab.goto(`${origin}/docs`);
      return tab;
    }),
  );
  await keepTokens(context);
  await wait(Number(seconds) * 1000);
  const refreshBefore = (await context.cookies()).find(({ name }) => name.endsWith("refresh")).value;
  const lists = await Promise.all(tabs.map((tab) => call(tab, "GET", "/v1/tasks")));
  for (const { status, json } of lists) assert.deepEqual([status, json.tasks.length], [200, 1]);
  await keepTokens(context);
  const refreshAfter = (await context.cookies()).find(({ name }) => name.endsWith("refresh")).value;
  assert.notEqual(refreshAfter, refreshBefore, "it was renewed");
  const sessions = await call(page, "GET", "/v1/sessions");
  assert.equal(sessions.json.sessions.length, 1, "one session through all of it");

  // Another site's page in the same browser.
  const elsewhere = origin.replace("127.0.0.1", "localhost");
  const stranger = await context.newPage();
  await stranger.goto(`${elsewhere}/docs`);
  const forged = await stranger.evaluate(
    async ([origin, id]) => {
      const send = (path, method) => fetch(`${origin}${path}`, { method, credentials: "include" }).then((answer) => answer.text(), () => "nothing");
      return [await send("/v1/tasks", "GET"), await send(`/v1/tasks/${id}`, "DELETE"), await send("/session", "DELETE")];
    },
    [origin, created.json.id],
  );
  assert.deepEqual(forged, ["nothing", "nothing", "nothing"]);
  assert.equal((await call(page, "GET", `/v1/tasks/${created.json.id}`)).json.deleteTime, undefined, "nobody deleted it");

  assert.equal((await call(page, "DELETE", "/session")).status, 204);
  assert.deepEqual(await context.cookies(), []);
  for (const tab of [page, ...tabs.slice(0, 3)]) assert.equal((await call(tab, "GET", "/v1/tasks")).status, 401);

  for (const tab of [page, other, ...tabs]) {
    seen.push(await tab.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])));
    seen.push(await tab.content());
  }
  assert.ok(tokens.size >= 4, "access and refresh tokens, before and after");
  for (const token of tokens) {
    for (const text of seen) assert.ok(!text.includes(token), "a token was told");
  }
  for (const text of seen) assert.ok(!/eyJ[\w-]{10}|hfr_[\w-]{10}(?!…)/.test(text), "something like a token was told");
  // For the log, which is looked through by who started this.
  console.log(JSON.stringify([...tokens]));
} finally {
  await browser.close();
}
