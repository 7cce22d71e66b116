// Five thousand tasks, listed to the end; and what the pages weigh, and whether they are sent again when nothing changed.

import assert from "node:assert/strict";
import { at, assertQuiet, context, origin, register, SIZES, tab } from "./world.mjs";

const TASKS = 5000;
const MOST_BYTES = 120 * 1024;

await at({ desktop: SIZES.desktop }, async (world) => {
  const browser = await context(world);
  const page = await tab(browser);
  await register(page);

  // All that is ours, by its own address, once.
  const index = await (await fetch(`${origin}/`)).text();
  // Before any script has come there is the frame.
  assert.match(index, /<header.*Holdfast.*<main.*Loading…/s);
  const addresses = new Set(["/", ...[...index.matchAll(/(?:href|src)="(\/app[^"]+)"/g)].map(([, address]) => address)]);
  let bytes = 0;
  for (const address of addresses) {
    const answer = await fetch(origin + address, { headers: { "accept-encoding": "identity" } });
    assert.equal(answer.status, 200, address);
    bytes += (await answer.arrayBuffer()).byteLength;
    const again = await fetch(origin + address, { headers: { "if-none-match": answer.headers.get("etag") } });
    assert.equal(again.status, 304, address);
  }
  console.error(`${addresses.size} files, ${bytes} bytes`);
  assert.ok(bytes < MOST_BYTES, `the assets have ${bytes} bytes`);

  const text = `title,description,priority,tags\n${Array.from({ length: TASKS }, (_, number) => `Task ${number + 1},${number % 3 ? "" : "Some words about it"},medium,bulk`).join("\n")}`;
  await page.getByRole("button", { name: "Import and export" }).click();
  await page.getByLabel("File").setInputFiles({ name: "many.csv", mimeType: "text/csv", buffer: Buffer.from(text) });
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText("5,000 new").waitFor();
  await page.getByRole("button", { name: "Close" }).last().click();
  await page.locator(".card.active strong", { hasText: "5,000" }).waitFor();

  await page.reload();
  await page.locator(".task").first().waitFor();
  // Scrolled as fast as pages come; each step waits for a page or a frame.
  const scrolled = await page.evaluate(async (tasks) => {
    const gaps = [];
    const began = performance.now();
    let last = began;
    while (document.querySelectorAll(".task").length < tasks) {
      scrollTo(0, document.documentElement.scrollHeight);
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      gaps.push(now - last);
      last = now;
      if (now - began > 90_000) throw new Error(`only ${document.querySelectorAll(".task").length} tasks`);
    }
    const loaded = performance.now() - began;
    // From the end to the beginning, a window at a time, with everything there.
    const frames = [];
    last = performance.now();
    for (let place = document.documentElement.scrollHeight; place > 0; place -= innerHeight * 40) {
      scrollTo(0, place);
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      frames.push(now - last);
      last = now;
    }
    frames.sort((one, other) => one - other);
    return { loaded: Math.round(loaded), median: Math.round(frames[frames.length >> 1]), longest: Math.round(frames.at(-1)) };
  }, TASKS);
  console.error(`5,000 tasks in ${scrolled.loaded} ms; a frame takes ${scrolled.median} ms, the longest ${scrolled.longest} ms`);
  assert.ok(scrolled.median < 200, "scrolling stays smooth, on a busy machine without a graphics card as well");
  assert.equal(await page.evaluate(() => new Set([...document.querySelectorAll(".task")].map(({ dataset }) => dataset.id)).size), TASKS);

  // What is done to one of them is as quick as with few.
  const done = await page.evaluate(async () => {
    scrollTo(0, 0);
    const began = performance.now();
    document.querySelector(".task .done").click();
    await new Promise(requestAnimationFrame);
    return performance.now() - began;
  });
  assert.ok(done < 300, `completing took ${done} ms`);
  await page.locator(".card.active strong", { hasText: "4,999" }).waitFor();
  assertQuiet(page);
  await browser.close();
});
