// How soon the first view can be used by somebody who was never here: prints the milliseconds of each visit.
//
//   first_view.mjs ORIGIN DIRECTORY VISITS

import { at, context, SIZES, tab } from "./world.mjs";

const visits = Number(process.argv[4]);

await at({ desktop: SIZES.desktop }, async (world) => {
  for (let visit = 0; visit < visits; visit += 1) {
    const browser = await context(world);
    const page = await tab(browser, "/sign-in");
    await page.getByLabel("E-mail address").waitFor();
    // Modules have run by then, and the form is there.
    console.log(await page.evaluate(() => performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd));
    await browser.close();
  }
});
