// What is shown is so: days and times as they pass, the service's order and what it found; and what is typed is taken as
// it stands, or not at all.

import assert from "node:assert/strict";
import { add, assertQuiet, at, context, device, register, row, sent, SIZES, tab } from "./world.mjs";

const titles = (page) => page.locator(".task .title").allTextContents();

await at({ desktop: SIZES.desktop }, async (world) => {
  const browser = await context(world, { timezoneId: "America/Los_Angeles", locale: "en-US" });
  const page = await tab(browser);
  const email = await register(page);
  const other = await device(email);

  // What comes live stands where the service lists it: a day is at its midnight UTC, equal ones by their ids.
  await page.goto(new URL("/?sort=due", page.url()).href);
  await page.getByText("All clear").waitFor();
  const dues = [{ date: "2099-11-25" }, { dateTime: "2099-11-25T02:00:00Z" }, { dateTime: "2099-11-24T23:00:00Z" }, { date: "2099-11-25" }, undefined];
  for (const [place, due] of dues.entries()) {
    await other("POST", "/v1/tasks", { title: `Due ${place}`, due });
    await row(page, `Due ${place}`).waitFor();
  }
  const live = await titles(page);
  await page.reload();
  await row(page, "Due 0").waitFor();
  assert.deepEqual(await titles(page), live);

  // What the service finds is shown, and what comes live is found likewise.
  await other("POST", "/v1/tasks", { title: "Straße in Łódź" });
  const search = page.getByLabel("Search tasks");
  for (const [asked, title] of [["strasse", "STRASSE"], ["lodz", "łodz"], ["οδοσ", "Οδός"]]) {
    await search.fill(asked);
    await page.waitForURL(/q=/);
    if (asked !== "οδοσ") await row(page, "Straße in Łódź").waitFor();
    await other("POST", "/v1/tasks", { title });
    await row(page, title).waitFor();
    const found = await titles(page);
    await page.reload();
    await row(page, title).waitFor();
    assert.deepEqual(await titles(page), found);
  }
  await search.fill("");
  await row(page, "Due 0").waitFor();

  // Half a time, or a day that no calendar has, is told and takes nothing away.
  const { id } = await other("POST", "/v1/tasks", { title: "Dated", due: { dateTime: "2099-12-24T10:00:00Z" } });
  await page.getByRole("button", { name: "Dated", exact: true }).click();
  await page.getByLabel("Due day").focus();
  await page.keyboard.type("02312099");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("The day is not whole").waitFor();
  assert.ok(await page.getByLabel("Due day").evaluate((field) => field === document.activeElement && field.ariaInvalid === "true"));
  await page.keyboard.type("12242099");
  await page.getByLabel("Time").focus();
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Control+Enter");
  await page.getByText("The time is not whole").waitFor();
  // A key on one of the editor's buttons is about the button.
  await page.getByRole("button", { name: "Save", exact: true }).focus();
  for (const key of ["Delete", "c", "x"]) await page.keyboard.press(key);
  await page.getByRole("form", { name: "Edit: Dated" }).waitFor();
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await row(page, "Dated").waitFor();
  const kept = await other("GET", `/v1/tasks/${id}`);
  assert.deepEqual([kept.due.dateTime, kept.completed, kept.deleteTime], ["2099-12-24T10:00:00Z", false, undefined]);

  // A tag keeps its comma, a title its last character and its direction.
  const face = "😀";
  await other("POST", "/v1/tasks", { title: face.repeat(50), tags: ["a,b", "two words"] });
  await row(page, face.repeat(50)).waitFor();
  await page.getByRole("button", { name: face.repeat(50), exact: true }).click();
  const tags = page.getByLabel("Tags", { exact: true });
  assert.equal(await tags.inputValue(), '"a,b", two words');
  await tags.fill(`${await tags.inputValue()}, new`);
  await page.keyboard.press("Enter");
  await row(page, face.repeat(50)).getByText("#new").waitFor();
  await sent(page);
  assert.deepEqual((await other("GET", `/v1/tasks?search=${encodeURIComponent(face)}`)).tasks[0].tags.sort(), ["a,b", "new", "two words"]);
  await page.getByLabel(`Done: ${face.repeat(50)}`).click();
  await page.getByRole("region", { name: "Notices" }).getByText(`Completed “\u2068${face.repeat(39)}…\u2069”.`).waitFor();

  // The last task is deleted by its button: the focus stays in the page.
  await search.fill("dated");
  await page.getByText("1 task", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Dated", exact: true }).focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByText("Nothing matches").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  const undo = page.getByRole("button", { name: "Undo" }).last();
  await undo.focus();
  await page.keyboard.press("Enter");
  await row(page, "Dated").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  assertQuiet(page);
  await page.close();

  // Time passes while the page is open.
  const late = await browser.newPage();
  await late.clock.install({ time: new Date("2100-01-01T07:58:00Z") });
  await late.goto(new URL("/?sort=due", page.url()).href);
  await other("POST", "/v1/tasks", { title: "Until midnight", due: { date: "2099-12-31" } });
  await other("POST", "/v1/tasks", { title: "The day after", due: { date: "2100-01-01" } });
  await row(late, "Until midnight").getByText(/^today$/).waitFor();
  await row(late, "The day after").getByText(/^tomorrow$/).waitFor();
  await late.clock.fastForward(3 * 60_000);
  await row(late, "Until midnight").getByText("Overdue: yesterday").waitFor();
  await row(late, "The day after").getByText(/^today$/).waitFor();
  await browser.close();
});
