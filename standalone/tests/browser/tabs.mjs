// Twenty tabs wake up with an access token that has ended: all load, nobody is signed out. One signs out: all do, within a
// second. Arguments: the address of the gateway; the seconds after which an access token is renewed.

import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { add, assertNoTokens, assertQuiet, at, call, context, directory as seconds, register, row, sent, SIZES, tab } from "./world.mjs";

const TABS = 20;

await at({ desktop: SIZES.desktop }, async (world) => {
  const browser = await context(world);
  const page = await tab(browser);
  await register(page);
  await add(page, "Seen by all");
  await sent(page);
  const tabs = await Promise.all(Array.from({ length: TABS }, () => tab(browser)));
  for (const each of tabs) await row(each, "Seen by all").waitFor();

  // Only time ends a token.
  await wait(Number(seconds) * 1000);
  await Promise.all(tabs.map((each) => each.reload()));
  for (const each of tabs) await row(each, "Seen by all").waitFor();
  assert.equal((await call(page, "GET", "/v1/sessions")).json.sessions.length, 1, "one session through all of it");
  await assertNoTokens(page);

  await add(tabs[0], "News");
  await Promise.all(tabs.map((each) => row(each, "News").waitFor({ timeout: 2000 })));

  // Each tab notes when it has nothing to show any more.
  for (const each of tabs) {
    await each.evaluate(() => {
      const list = document.querySelector("#main");
      new MutationObserver(() => {
        if (!list.querySelector(".task")) globalThis.emptied ??= Date.now();
      }).observe(list, { childList: true });
    });
  }
  await page.evaluate(() => addEventListener("click", () => (globalThis.clicked = Date.now()), { capture: true }));
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  const began = await page.evaluate(() => globalThis.clicked);
  const emptied = [];
  for (const each of tabs) {
    await each.getByRole("heading", { name: "Sign in" }).waitFor();
    emptied.push((await each.evaluate(() => globalThis.emptied)) - began);
  }
  const took = Math.max(...emptied);
  assert.ok(took < 1000, `the last tab had something to show for ${took} ms`);
  for (const each of tabs) {
    assert.ok(!(await each.content()).includes("Seen by all"));
    // It may have asked in the moment between.
    assertQuiet(each, /401 \(Unauthorized\)/);
  }
  assert.deepEqual(await browser.cookies(), []);
  console.error(`${TABS} tabs are signed out after ${took} ms`);
  await browser.close();
});
