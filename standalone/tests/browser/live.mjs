// What happens elsewhere is seen here: in another tab, by another device. Two who change the same are asked; what is done
// without a connection is sent when it is back, once.

import assert from "node:assert/strict";
import { add, assertQuiet, at, call, context, look, register, row, sent, signIn, SIZES, tab } from "./world.mjs";

const OFFLINE = /ERR_INTERNET_DISCONNECTED|ERR_NETWORK_CHANGED|ERR_NETWORK_IO_SUSPENDED/;

/** Waits for something that must be seen within a second. */
const soon = (locator, state = "visible") => locator.waitFor({ state, timeout: 1000 });

await at(SIZES, async (world) => {
  const browser = await context(world);
  const page = await tab(browser);
  const email = await register(page);
  await add(page, "Written here");
  await sent(page);
  const second = await tab(browser);
  await row(second, "Written here").waitFor();

  // One stream for both tabs.
  const locks = await page.evaluate(async () => (await navigator.locks.query()).held.map(({ name }) => name));
  assert.equal(locks.filter((name) => name.startsWith("holdfast-live-")).length, 1);

  await add(second, "Written in the other tab");
  await soon(row(page, "Written in the other tab"));
  const device = await context(world);
  const phone = await tab(device, "/sign-in");
  await signIn(phone, email);
  await row(phone, "Written here").waitFor();
  const made = (await call(phone, "POST", "/v1/tasks", { title: "From a device", tags: ["far"] })).json;
  for (const each of [page, second, phone]) await soon(row(each, "From a device"));
  await call(phone, "PATCH", `/v1/tasks/${made.id}`, { title: "From a device, changed" });
  for (const each of [page, second]) await soon(row(each, "From a device, changed"));
  await call(phone, "POST", `/v1/tasks/${made.id}:complete`);
  await soon(page.locator(".card.completed", { hasText: "1" }));
  await call(phone, "DELETE", `/v1/tasks/${made.id}`);
  for (const each of [page, second]) await row(each, "From a device, changed").waitFor({ state: "detached" });

  // The tab that follows closes; the other goes on from there.
  await page.close();
  await call(phone, "POST", "/v1/tasks", { title: "After the first tab" });
  await row(second, "After the first tab").waitFor();
  const first = await tab(browser);
  await row(first, "After the first tab").waitFor();

  // Both change the same: both versions are shown, and the person chooses.
  const title = "Written here";
  await first.getByRole("button", { name: title, exact: true }).click();
  await first.getByLabel("Title", { exact: true }).fill("Mine");
  await first.getByLabel("Description").fill("My words.");
  const [task] = (await call(phone, "GET", "/v1/tasks?search=written+here")).json.tasks;
  await call(phone, "PATCH", `/v1/tasks/${task.id}`, { title: "Theirs" });
  await first.keyboard.press("Control+Enter");
  await first.getByRole("heading", { name: "Changed elsewhere meanwhile" }).waitFor();
  const dialog = first.getByRole("dialog");
  for (const text of ["Mine", "Theirs"]) await dialog.getByText(text, { exact: true }).waitFor();
  await look(world, first, "conflict");
  await dialog.getByRole("radio", { name: "The other" }).check();
  await dialog.getByRole("button", { name: "Save what I chose" }).click();
  await row(first, "Theirs").getByText("My words.").waitFor();
  await soon(row(phone, "Theirs").getByText("My words."));

  // Where they do not touch, both stay.
  await first.getByRole("button", { name: "Theirs", exact: true }).click();
  await first.getByLabel("Description").fill("Other words.");
  await call(phone, "PATCH", `/v1/tasks/${task.id}`, { title: "Merged" });
  await first.keyboard.press("Control+Enter");
  await row(first, "Merged").getByText("Other words.").waitFor();
  await soon(row(phone, "Merged").getByText("Other words."));

  // Deleted while it is changed: not lost either.
  await first.getByRole("button", { name: "Merged", exact: true }).click();
  await first.getByLabel("Title", { exact: true }).fill("Brought back");
  await call(phone, "DELETE", `/v1/tasks/${task.id}`);
  await first.keyboard.press("Control+Enter");
  await first.getByRole("button", { name: "Restore it with my changes" }).click();
  await row(first, "Brought back").waitFor();
  await row(phone, "Brought back").waitFor();

  // Without a connection one goes on; when it is back everything is sent, once.
  const requests = [];
  browser.on("request", (request) => request.method() !== "GET" && requests.push(request));
  await sent(first);
  await browser.setOffline(true);
  await first.getByText("Holdfast cannot be reached. Go on").waitFor();
  await add(first, "Made offline");
  await row(first, "Made offline").waitFor();
  await first.getByRole("button", { name: "Made offline", exact: true }).click();
  await first.getByLabel("Title", { exact: true }).fill("Made and changed offline");
  await first.keyboard.press("Control+Enter");
  await row(first, "Made and changed offline").waitFor();
  await first.getByLabel("Done: Brought back").click();
  await first.getByText("3 changes wait").waitFor();
  await look(world, first, "offline");
  assert.equal(await row(phone, "Made and changed offline").count(), 0);
  await browser.setOffline(false);
  await row(phone, "Made and changed offline").waitFor();
  await row(phone, "Brought back").waitFor({ state: "detached" });
  await sent(first);
  await first.locator("#connection").waitFor({ state: "hidden" });
  const keys = [];
  for (const request of requests) {
    const answer = await request.response().catch(() => null);
    if (answer?.ok()) keys.push(request.headers()["idempotency-key"]);
  }
  // An answer that the network's return cuts off is asked for again, with its key.
  assert.equal(new Set(keys).size, 3, "three changes were sent");
  assert.equal((await call(phone, "GET", "/v1/tasks?search=made")).json.tasks.length, 1);

  // An answer that is lost on the way: the same is sent again, and has its effect once.
  let lost = 0;
  await first.route("**/v1/tasks", async (route) => {
    if (route.request().method() !== "POST" || lost > 0) return route.continue();
    lost += 1;
    await route.fetch();
    await route.abort("connectionreset");
  });
  await add(first, "Answered late");
  await row(phone, "Answered late").waitFor();
  await sent(first);
  assert.equal(lost, 1);
  assert.equal((await call(phone, "GET", "/v1/tasks?search=answered")).json.tasks.length, 1);

  // Nothing that waits survives signing out, and the other tab leaves with this one.
  await browser.setOffline(true);
  await first.getByText("Holdfast cannot be reached").waitFor();
  await add(first, "Never sent");
  await first.getByText("1 change waits").waitFor();
  await browser.setOffline(false);
  await sent(first);
  // What another tab wrote is seen a moment later.
  await first.waitForFunction(() => !Object.keys(localStorage).some((name) => name.startsWith("holdfast-outbox")));
  await first.getByRole("button", { name: "Sign out" }).click();
  await soon(second.getByRole("heading", { name: "Sign in" }));
  await first.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.ok(!(await second.content()).includes("Brought back"));
  await row(phone, "Never sent").waitFor();
  assertQuiet(first, OFFLINE, /412 \(Precondition Failed\)/, /404 \(Not Found\)/, /ERR_CONNECTION_RESET/);
  // It may have asked in the moment between.
  assertQuiet(second, OFFLINE, /401 \(Unauthorized\)/);
  assertQuiet(phone);
  await browser.close();
  await device.close();
});
