// What Lighthouse says of each view, as on a phone: prints the scores of the categories that are asked for, 0 to 100, and
// fails where one is below the floor, if one is given.
//
//   lighthouse.mjs ORIGIN CATEGORY,... [FLOOR]

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(path.join(process.env.WEB_TOOLS, "package.json"));
const { default: lighthouse } = await import(pathToFileURL(require.resolve("lighthouse")).href);
const { chromium } = require(process.env.PLAYWRIGHT_CORE);

const [origin, categories, floor] = process.argv.slice(2);
const PASSWORD = "correct horse battery staple";
const TASKS = 60;

const profile = mkdtempSync(path.join(os.tmpdir(), "lighthouse-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"],
});
try {
  const [port] = readFileSync(path.join(profile, "DevToolsActivePort"), "utf8").split("\n");
  const judge = async (address) => {
    const { lhr } = await lighthouse(origin + address, {
      port: Number(port),
      logLevel: "error",
      onlyCategories: categories.split(","),
      // It would sign the person out.
      disableStorageReset: true,
    });
    assert.equal(new URL(lhr.finalDisplayedUrl).pathname, address, "it was sent elsewhere");
    for (const { id, score, auditRefs } of Object.values(lhr.categories)) {
      const audits = auditRefs.filter(({ weight }) => weight > 0).map((reference) => lhr.audits[reference.id]);
      const failed = audits.filter((audit) => audit.score !== null && audit.score < 1).map((audit) => `${audit.id} ${audit.displayValue ?? ""}`);
      console.log(JSON.stringify({ address, category: id, score: Math.round(score * 100), failed }));
      assert.ok(!floor || score * 100 >= Number(floor), `${id} of ${address}: ${failed.join(", ")}`);
    }
  };
  for (const address of ["/sign-in", "/register"]) await judge(address);

  const page = await browser.newPage();
  await page.goto(`${origin}/register`);
  await page.getByLabel("E-mail address").fill(`lighthouse.${process.pid}@example.com`);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.getByText("All clear").waitFor();
  const made = await page.evaluate(async (count) => {
    const requests = Array.from({ length: count }, (_, number) => ({
      task: { title: `Task ${number}`, tags: ["home"], priority: "PRIORITY_HIGH", due: { date: "2030-01-01" } },
    }));
    const send = (method, address, body) => fetch(address, { method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body) });
    const { tasks } = await (await send("POST", "/v1/tasks:batchCreate", { requests })).json();
    return (await send("DELETE", `/v1/tasks/${tasks[0].id}`)).ok;
  }, TASKS);
  assert.ok(made);
  await page.close();
  for (const address of ["/", "/trash", "/account"]) await judge(address);
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
