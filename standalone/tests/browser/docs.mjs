// A person reads about the API: everything that openapi.json has is there, and nothing comes from elsewhere.
// Argument: the address of the gateway.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { chromium } = createRequire(import.meta.url)(process.env.PLAYWRIGHT_CORE);
const [origin] = process.argv.slice(2);

// Chromium as root has no sandbox; what it talks to is this test's own server.
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const api = await (await fetch(`${origin}/openapi.json`)).json();
  const operations = Object.values(api.paths).flatMap((methods) => Object.values(methods));
  for (const viewport of [{ width: 1280, height: 800 }, { width: 360, height: 640 }]) {
    const page = await browser.newPage({ viewport });
    const [complaints, asked] = [[], []];
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => asked.push(new URL(request.url()).origin));

    await page.goto(`${origin}/docs#TaskService_UpdateTask_patch`);
    await page.getByText("Version 0.1.0").waitFor();
    const shown = await page.locator("section.operation").evaluateAll((sections) => sections.map((section) => section.id));
    assert.deepEqual(shown.toSorted(), operations.map((operation) => operation.operationId).toSorted());
    const patch = page.locator("#TaskService_UpdateTask_patch");
    assert.ok(await patch.isVisible() && (await patch.boundingBox()).y < viewport.height, "the address leads to it");
    const text = await patch.innerText();
    for (const part of ["PATCH", "/v1/tasks/{id}", "If-Match", "TASK_NOT_FOUND", "PRIORITY_HIGH"]) {
      assert.ok(text.includes(part), part);
    }
    const names = await page.locator("#schemas h3").allInnerTexts();
    assert.deepEqual(names.toSorted(), Object.keys(api.components.schemas).map((name) => name.split(".").pop()).toSorted());

    await page.getByLabel("Find").fill("restore trash");
    await page.getByLabel("Find").fill("sign");
    const found = page.locator("#index [data-text]:not([hidden])");
    assert.ok((await found.count()) > 0 && (await found.count()) < operations.length);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    assert.ok(!wide, `nothing sticks out at ${viewport.width} px`);
    assert.deepEqual([...new Set(asked)], [origin]);
    assert.deepEqual(complaints, []);
    await page.close();
  }
} finally {
  await browser.close();
}
