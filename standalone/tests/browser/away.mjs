// Holdfast is away for a while: what is known stays in sight, what is typed and done is kept, nothing is said that is not
// so; and when it is back everything is right by itself.

import assert from "node:assert/strict";
import { add, assertQuiet, at, call, context, device, look, origin, register, row, sent, signIn, SIZES, tab } from "./world.mjs";

const titles = (page) => page.locator(".task .title").allTextContents();

/** Opens the editor of a task and types a description. */
async function describe(page, title, text) {
  await page.getByRole("button", { name: title, exact: true }).click();
  await row(page, title).or(page.getByRole("form", { name: `Edit: ${title}` })).getByLabel("Description").fill(text);
}

/** What is loaded after the first view does not come; what is typed meanwhile is not lost, and it goes on by itself. */
async function halfLoaded(world, email) {
  const browser = await context(world);
  const page = await browser.newPage();
  const away = (route) => route.abort();
  await browser.route(/app\/task-list\.js|livez/, away);
  await Promise.all([page.waitForEvent("requestfailed"), page.goto(`${origin}/sign-in?next=%2Ftrash`)]);
  await browser.unroute(/app\/task-list\.js|livez/, away);
  await signIn(page, email);
  await page.getByRole("heading", { name: "Trash", exact: true }).waitFor();

  await browser.route(/app\/task-list\.js|livez/, away);
  await page.goto(origin);
  await page.getByRole("heading", { name: "Not now" }).waitFor();
  await look(world, page, "half-loaded");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { name: "Not now" }).waitFor();
  await browser.unroute(/app\/task-list\.js|livez/, away);
  await page.getByText("All clear").waitFor();
  await browser.close();
}

await at(SIZES, async (world) => {
  const browser = await context(world);
  const page = await tab(browser);
  const email = await register(page);
  await halfLoaded(world, email);
  const other = await device(email);
  for (const title of ["One", "Two", "Three"]) await other("POST", "/v1/tasks", { title });
  await other("POST", "/v1/tasks", { title: "Done before", completed: true });
  await page.reload();
  await row(page, "Three").waitFor();

  // What the page knows is shown where it belongs, also after leaving and coming back.
  await browser.setOffline(true);
  await page.getByText("Holdfast cannot be reached. Go on").waitFor();
  await add(page, "Made away");
  await page.getByRole("link", { name: "Trash" }).click();
  await page.getByRole("button", { name: "Try again" }).waitFor();
  await page.goBack();
  await page.getByText("What is shown may be old").waitFor();
  assert.deepEqual(await titles(page), ["Made away", "Three", "Two", "One"]);
  await look(world, page, "away");

  // What is asked for meanwhile does not show what was asked for before, and comes by itself.
  await page.locator(".card.completed").click();
  await page.waitForFunction(() => document.querySelector(".empty") && !document.querySelector(".task"));
  await browser.setOffline(false);
  await row(page, "Done before").waitFor();
  await page.locator(".card.active").click();
  await page.getByText("4 tasks", { exact: true }).waitFor();
  assert.deepEqual(await titles(page), ["Made away", "Three", "Two", "One"]);
  await sent(page);

  // Two conflicts: one is asked about at a time, and neither text is lost, whatever happens before an answer.
  const tasks = (await other("GET", "/v1/tasks")).tasks;
  const id = (title) => tasks.find((task) => task.title === title).id;
  await browser.setOffline(true);
  await page.getByText("Holdfast cannot be reached. Go on").waitFor();
  const mine = { One: "Mine of one. ".repeat(60).trim(), Two: "Mine of two." };
  for (const [title, text] of Object.entries(mine)) {
    await describe(page, title, text);
    await page.keyboard.press("Control+Enter");
    await other("PATCH", `/v1/tasks/${id(title)}`, { description: `Theirs of ${title}. `.repeat(60) });
  }
  await browser.setOffline(false);
  const dialog = page.getByRole("dialog");
  await page.getByRole("heading", { name: /^Changed elsewhere meanwhile: “.One.”$/ }).waitFor();
  assert.equal(await dialog.count(), 1);
  await look(world, page, "conflict-long");
  await page.reload();
  await page.getByRole("heading", { name: /^Changed elsewhere meanwhile: “.One.”$/ }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: /^Changed elsewhere meanwhile: “.Two.”$/ }).waitFor();
  await dialog.getByRole("button", { name: "Back to my text" }).click();
  const texts = () => page.getByLabel("Description").evaluateAll((fields) => fields.map(({ value }) => value).sort());
  await page.getByLabel("Description").nth(1).waitFor();
  assert.deepEqual(await texts(), Object.values(mine).sort());
  // Nor by loading the page anew.
  await page.reload();
  await page.getByLabel("Description").nth(1).waitFor();
  assert.deepEqual(await texts(), Object.values(mine).sort());
  for (const title of Object.keys(mine)) {
    await page.getByRole("form", { name: `Edit: ${title}` }).getByRole("button", { name: "Save" }).click();
    await row(page, title).getByText(mine[title]).waitFor();
  }
  await sent(page);
  for (const [title, text] of Object.entries(mine)) assert.equal((await other("GET", `/v1/tasks/${id(title)}`)).description, text);

  // One of several is gone: the rest is done, and that is said once.
  await browser.setOffline(true);
  await page.getByText("Holdfast cannot be reached. Go on").waitFor();
  await page.getByRole("button", { name: "Select", exact: true }).click();
  await page.getByRole("button", { name: "All shown" }).click();
  await page.getByRole("button", { name: "Complete", exact: true }).click();
  assert.ok(await page.getByRole("button", { name: "Select", exact: true }).evaluate((button) => button === document.activeElement), "the focus is kept");
  await other("DELETE", `/v1/tasks/${id("Two")}`);
  await browser.setOffline(false);
  const notices = page.getByRole("region", { name: "Notices" });
  await notices.getByText("One of them was deleted elsewhere; the rest is done.").waitFor();
  await page.getByText("All clear").waitFor();
  assert.equal(await notices.getByText("deleted elsewhere").count(), 1);
  assert.deepEqual((await other("GET", "/v1/tasks?state=TASK_STATE_ACTIVE")).tasks, []);

  // The browser has no room for what waits: it is sent all the same.
  await page.evaluate(() => {
    for (let length = 1 << 20; length >= 1; length >>= 1) {
      try {
        for (let number = 0; ; number += 1) localStorage.setItem(`full-${length}-${number}`, "x".repeat(length));
      } catch {
        // As much as there is room for.
      }
    }
  });
  await add(page, "Without room");
  await row(page, "Without room").waitFor();
  await sent(page);
  assert.deepEqual((await other("GET", "/v1/tasks?search=room")).tasks.map(({ title }) => title), ["Without room"]);
  await page.evaluate(() => Object.keys(localStorage).filter((name) => name.startsWith("full-")).forEach((name) => localStorage.removeItem(name)));

  // Whoever takes a request and does not answer is away too.
  const stuck = await tab(browser);
  await stuck.clock.install();
  await row(stuck, "Without room").waitFor();
  await stuck.route("**/v1/tasks?*", () => {});
  await stuck.locator(".card.completed").click();
  await stuck.locator("[aria-busy]").waitFor();
  await stuck.clock.fastForward(22_000);
  await stuck.getByRole("button", { name: "Try again" }).waitFor();
  await stuck.close();

  // Signing out fails: the other tab keeps what is typed in it. When it does not, both leave.
  const second = await tab(browser);
  await describe(second, "Without room", "Typed in the other tab.");
  await browser.setOffline(true);
  await page.getByText("Holdfast cannot be reached. Go on").waitFor();
  await add(page, "Waits");
  await page.getByText("1 change waits").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign out and lose them" }).click();
  await page.getByText("You are still signed in.").first().waitFor();
  assert.deepEqual(await second.getByLabel("Description").evaluateAll((fields) => fields.map(({ value }) => value)), ["Typed in the other tab."]);
  await browser.setOffline(false);
  await row(second, "Waits").waitFor();
  await sent(page);
  assert.deepEqual((await other("GET", "/v1/tasks?search=waits")).tasks.map(({ title }) => title), ["Waits"]);
  await page.getByRole("button", { name: "Sign out" }).click();
  await second.getByRole("heading", { name: "Sign in" }).waitFor({ timeout: 1000 });
  assert.deepEqual(await second.evaluate(() => [{ ...localStorage }, { ...sessionStorage }]), [{}, {}]);
  assertQuiet(page, /ERR_INTERNET_DISCONNECTED|ERR_NETWORK_CHANGED|ERR_NETWORK_IO_SUSPENDED/, /412 \(Precondition Failed\)/, /404 \(Not Found\)/);
  await browser.close();
});
