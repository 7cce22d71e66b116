// A person looks after the account: sees where it is signed in and ends that, chooses another password, takes the data, and
// leaves for good.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { add, assertQuiet, at, call, context, look, origin, PASSWORD, register, row, sent, signIn, SIZES, tab } from "./world.mjs";

const OTHER = "another staple for the horse";

await at(SIZES, async (world) => {
  const browser = await context(world);
  const page = await tab(browser);
  const email = await register(page, { name: "Grace" });
  await add(page, "Something to erase");
  await sent(page);
  const devices = [];
  for (let number = 0; number < 3; number += 1) {
    const device = await context(world, { userAgent: `Mozilla/5.0 (iPhone; number ${number}) Safari/605` });
    const there = await tab(device, "/sign-in");
    await signIn(there, email);
    await row(there, "Something to erase").waitFor();
    devices.push({ device, there });
  }

  // Where it is signed in, and the end of it.
  await page.getByRole("link", { name: "Account" }).click();
  await page.getByText("Grace").waitFor();
  const sessions = page.locator(".sessions li");
  await sessions.nth(3).waitFor();
  assert.equal(await page.getByText("Safari on iPhone", { exact: true }).count(), 3);
  assert.equal(await page.getByText("This one").count(), 1);
  assert.ok((await sessions.first().textContent()).includes("127.0.0.1"));
  await look(world, page, "account");
  await page.reload();
  await page.getByRole("button", { name: "Export my data" }).waitFor();
  const shifted = await page.evaluate(
    () => new Promise((resolve) => new PerformanceObserver((list) => resolve(list.getEntries().reduce((sum, { value }) => sum + value, 0))).observe({ type: "layout-shift", buffered: true }) ?? setTimeout(resolve, 300, 0)),
  );
  assert.ok(shifted < 0.02, `what is there moves by ${shifted}`);
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: /^End the session of Safari/ }).first().click();
  await sessions.nth(3).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "End all others" }).click();
  await look(world, page, "end-all-others");
  await page.getByRole("button", { name: "Cancel" }).click();
  assert.equal(await sessions.count(), 3);
  assert.ok(await page.getByRole("button", { name: "End all others" }).evaluate((button) => button === document.activeElement), "the focus is back");
  await page.getByRole("button", { name: "End all others" }).click();
  await page.getByRole("button", { name: "End them" }).click();
  await sessions.nth(1).waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Sessions", "the focus is kept");
  // They find out by themselves.
  for (const { device, there } of devices) {
    await there.getByText("Your session has ended").waitFor();
    assert.ok(!(await there.content()).includes("Something to erase"));
    await device.close();
  }

  // Another password.
  const current = page.getByLabel("Current password", { exact: true });
  const next = page.getByLabel("New password", { exact: true });
  assert.deepEqual([await current.getAttribute("autocomplete"), await next.getAttribute("autocomplete")], ["current-password", "new-password"]);
  await current.fill("not my password");
  await next.fill(OTHER);
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByText("It is not the password of the account.").waitFor();
  await current.fill(PASSWORD);
  await next.fill("password1234");
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByText("too easy to guess").waitFor();
  await call(page, "POST", "/v1/auth/login", { email, password: PASSWORD });
  await page.reload();
  await sessions.nth(1).waitFor();
  await current.fill(PASSWORD);
  await next.fill(OTHER);
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByText("The password is changed.").first().waitFor();
  assert.equal(await next.inputValue(), "");
  // It would cover what is next, on a phone.
  await page.getByRole("button", { name: "Close" }).last().click();
  await sessions.nth(1).waitFor({ state: "detached" });

  // Everything about the person, in a file.
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export my data" }).click()]);
  assert.equal(download.suggestedFilename(), "account.json");
  assert.ok(readFileSync(await download.path(), "utf8").includes(email));

  // And the end.
  await page.getByRole("button", { name: "Delete the account" }).click();
  await page.getByLabel("Your password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Erase everything" }).click();
  await page.getByText("It is not the password of the account.").waitFor();
  await look(world, page, "delete-the-account");
  await page.getByLabel("Your password", { exact: true }).fill(OTHER);
  await page.getByRole("button", { name: "Erase everything" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.getByText("Your account is deleted").waitFor();
  assert.deepEqual(await browser.cookies(), []);
  assert.equal((await call(page, "GET", "/v1/tasks")).status, 401);
  await page.goto(`${origin}/sign-in`);
  await signIn(page, email, OTHER);
  await page.getByText("The e-mail address or the password is wrong.").waitFor();
  assertQuiet(page, /40[01] \(/);
  await browser.close();
});
