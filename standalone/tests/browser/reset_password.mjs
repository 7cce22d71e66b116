// A person opens the link, is told that a weak password is one, chooses a good one, and cannot use the link again.
// Arguments: the link, the password.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { chromium } = createRequire(import.meta.url)(process.env.PLAYWRIGHT_CORE);
const [link, password] = process.argv.slice(2);

// Chromium as root has no sandbox; what it talks to is this test's own server.
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));

  await page.goto(link);
  const input = page.getByLabel("New password");
  assert.equal(await input.getAttribute("type"), "password");
  assert.equal(await input.getAttribute("autocomplete"), "new-password");
  assert.ok(!page.url().includes("#"), "the token has left the address bar");

  const button = page.getByRole("button", { name: "Change the password" });
  await input.fill("password1234");
  await button.click();
  await page.getByText("too easy to guess").waitFor();

  await input.fill(password);
  await page.keyboard.press("Enter");
  await page.getByText("The password is changed").waitFor();
  assert.ok(!(await input.isVisible()));

  await page.goto("about:blank");
  await page.goto(link);
  await input.fill(password);
  await button.click();
  await page.getByText("used before or has expired").waitFor();

  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.equal(stored, '[{},{},""]');
  // A refusal of the service is an error in the browser's console too; nothing else may be.
  assert.deepEqual(complaints.filter((text) => !text.includes("400 (Bad Request)")), []);
} finally {
  await browser.close();
}
