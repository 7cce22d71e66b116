// How soon the first view can be used by somebody who was never here: prints the milliseconds of each visit.
//
//   first_view.mjs ORIGIN DIRECTORY VISITS

import assert from "node:assert/strict";
import { at, origin, SIZES } from "./world.mjs";

const visits = Number(process.argv[4]);

await at({ desktop: SIZES.desktop }, async (world) => {
  for (let visit = 0; visit < visits; visit += 1) {
    // With nothing of the stories in it, whose search for barriers takes as long as the view.
    const browser = await world.browser.newContext({ viewport: world.viewport });
    await browser.addInitScript(() => addEventListener("DOMContentLoaded", () => (globalThis.isThere = document.querySelector("form #email") !== null)));
    const page = await browser.newPage();
    await page.goto(`${origin}/sign-in`);
    // Modules have run by then, and the form is there, which is shown with its script.
    const { isThere, milliseconds } = await page.evaluate(() => ({ isThere: globalThis.isThere, milliseconds: performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd }));
    assert.ok(isThere, "the form comes later than what is measured");
    console.log(milliseconds);
    await browser.close();
  }
});
