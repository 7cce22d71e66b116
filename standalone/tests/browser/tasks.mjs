// A person keeps tasks: writes them in one line, changes, completes, deletes and restores them, finds them, does all of it
// without a mouse, and takes them away in files.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { add, assertQuiet, at, call, context, look, register, row, sent, SIZES, tab } from "./world.mjs";

const titles = (page) => page.locator(".task .title").allTextContents();

/** On a narrow screen the filters stand behind a button. */
async function unfold(page) {
  const fold = page.getByRole("button", { name: /^Filter/ });
  if (await fold.isVisible()) await fold.click();
}

await at(SIZES, async (world) => {
  const browser = await context(world);
  const page = await tab(browser);
  await register(page);
  await look(world, page, "tasks-empty");

  // What is understood is shown before it is sent, and can be turned back into text.
  await page.getByLabel("New task").fill("Book a table fri #Dinner !high tomorrow 19:30");
  for (const part of [/^dinner/, /^High priority/, /19:30/]) await page.getByRole("button", { name: part }).first().waitFor();
  await look(world, page, "quick-add");
  await page.keyboard.press("Enter");
  await row(page, "Book a table fri").waitFor();
  await page.getByLabel("New task").fill("Watch the sun");
  await page.getByRole("button", { name: /keep “sun” as text/ }).click();
  await page.keyboard.press("Enter");
  await row(page, "Watch the sun").waitFor();
  await row(page, "Watch the sun").hover();
  await page.getByRole("button", { name: "Delete: Watch the sun" }).click();
  // A day counts at the end; a number is no tag.
  for (const [line, title, due] of [
    ["Buy sun cream", "Buy sun cream"],
    ["Read today paper tomorrow", "Read today paper", /^tomorrow$/],
    ["Fix issue #42 next week", "Fix issue #42", /tomorrow|Mon/],
    ["Call mum Wed, at 9:30pm #calls", "Call mum", /21:30/],
    ["Meet tomorrow 9am", "Meet", /tomorrow, 0?9:00/],
  ]) {
    await add(page, line);
    if (due) await row(page, title).getByText(due).waitFor();
    await row(page, title).waitFor();
    if (!due) continue;
    await row(page, title).hover();
    await page.getByRole("button", { name: `Delete: ${title}` }).click();
    await row(page, title).waitFor({ state: "detached" });
  }
  await sent(page);
  const { tasks } = (await call(page, "GET", "/v1/tasks")).json;
  const [cream, table] = tasks;
  assert.deepEqual([cream.title, cream.due], ["Buy sun cream", undefined]);
  assert.deepEqual([table.tags, table.priority, table.due.timeZone], [["dinner"], "PRIORITY_HIGH", "Europe/Berlin"]);
  const hour = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Berlin", timeStyle: "short" });
  assert.equal(hour.format(new Date(table.due.dateTime)), "19:30");

  // A title that is missing is told, and nothing is sent.
  await add(page, "#only !high");
  await page.getByText("A task needs a title.").waitFor();
  await page.getByLabel("New task").fill("");

  await add(page, "Pay the rent 2020-01-31 #home");
  await row(page, "Pay the rent").getByText("Overdue").waitFor();
  await page.locator(".card.overdue", { hasText: "1" }).waitFor();

  // Changed where it stands.
  await page.getByRole("button", { name: "Pay the rent", exact: true }).click();
  await page.getByLabel("Description").fill("To the new account.\nNot the old one.");
  await page.getByLabel("Tags", { exact: true }).fill("home, money matters");
  await page.getByLabel("Priority", { exact: true }).last().selectOption("low");
  await look(world, page, "editor");
  await page.getByLabel("Title", { exact: true }).fill(" ");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("A task needs a title.").waitFor();
  await page.getByLabel("Title", { exact: true }).fill("Pay the rent in time");
  await page.keyboard.press("Enter");
  await row(page, "Pay the rent in time").getByText("#money matters").waitFor();
  await sent(page);
  const rent = (await call(page, "GET", "/v1/tasks?search=rent")).json.tasks[0];
  assert.deepEqual([rent.tags, rent.priority, rent.due.date], [["home", "money matters"], "PRIORITY_LOW", "2020-01-31"]);

  // Completed and reopened at once, deleted and restored.
  await page.getByLabel("Done: Buy sun cream").click();
  await row(page, "Buy sun cream").waitFor({ state: "detached" });
  await page.locator(".card.completed", { hasText: "1" }).waitFor();
  await page.getByRole("button", { name: "Undo" }).last().click();
  await row(page, "Buy sun cream").waitFor();
  await row(page, "Buy sun cream").hover();
  await page.getByRole("button", { name: "Delete: Buy sun cream" }).click();
  await row(page, "Buy sun cream").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).last().click();
  await row(page, "Buy sun cream").waitFor();
  await row(page, "Buy sun cream").hover();
  await page.getByRole("button", { name: "Delete: Buy sun cream" }).click();
  await page.getByRole("link", { name: "Trash" }).click();
  await row(page, "Buy sun cream").waitFor();
  await look(world, page, "trash");
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("u");
  await row(page, "Buy sun cream").waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Tasks" }).click();
  await row(page, "Buy sun cream").hover();
  await page.getByRole("button", { name: "Delete: Buy sun cream" }).click();
  await page.getByRole("link", { name: "Trash" }).click();
  await page.getByRole("button", { name: "Restore: Buy sun cream" }).click();
  await row(page, "Buy sun cream").waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Tasks" }).click();
  await row(page, "Buy sun cream").waitFor();

  // Found, and kept in the address.
  await unfold(page);
  await page.getByLabel("Sort").selectOption("title");
  await page.waitForFunction(() => document.querySelector(".task .title")?.textContent === "Book a table fri");
  assert.deepEqual(await titles(page), ["Book a table fri", "Buy sun cream", "Pay the rent in time"]);
  await page.getByLabel("Search tasks").fill("SUN créam");
  await page.getByText("1 task", { exact: true }).waitFor();
  assert.match(page.url(), /\?q=SUN\+cr%C3%A9am&sort=title$/);
  await page.reload();
  await page.getByText("1 task", { exact: true }).waitFor();
  assert.equal(await page.getByLabel("Search tasks").inputValue(), "SUN créam");
  await page.getByLabel("Search tasks").fill("nowhere to be found");
  await page.getByText("Nothing matches").waitFor();
  await look(world, page, "nothing-matches");
  await page.getByRole("link", { name: "Show everything" }).click();
  await row(page, "Buy sun cream").waitFor();
  await page.getByRole("link", { name: "#dinner" }).click();
  await page.getByText("1 task", { exact: true }).waitFor();
  await page.goBack();
  await page.getByText("3 tasks", { exact: true }).waitFor();
  await page.locator(".card.overdue").click();
  await page.getByText("1 task", { exact: true }).waitFor();
  assert.deepEqual(await titles(page), ["Pay the rent in time"]);
  for (const [name, value, found] of [["due", "none", ["Buy sun cream"]], ["priority", "high", ["Book a table fri"]]]) {
    await page.goto(new URL("/", page.url()).href);
    await page.getByText("3 tasks", { exact: true }).waitFor();
    await unfold(page);
    await page.locator(`.filters [name=${name}]`).selectOption(value);
    await page.waitForFunction((length) => document.querySelectorAll(".task").length === length && !document.querySelector("[aria-busy]"), found.length);
    assert.deepEqual(await titles(page), found);
  }
  await page.goto(new URL("/", page.url()).href);
  await page.getByText("3 tasks", { exact: true }).waitFor();

  // Several at once.
  const top = () => page.locator(".task").first().evaluate((item) => item.getBoundingClientRect().top + scrollY);
  const before = await top();
  await page.getByRole("button", { name: "Select", exact: true }).click();
  await page.getByRole("button", { name: "All shown" }).click();
  assert.equal(await top(), before, "what is listed stays where it is");
  await page.getByText("3 selected").waitFor();
  await look(world, page, "selecting");
  await page.getByRole("button", { name: "Complete", exact: true }).click();
  await page.getByText("All clear").waitFor();
  await page.getByRole("button", { name: "Undo" }).last().click();
  await page.getByText("3 tasks", { exact: true }).waitFor();

  // Without a mouse.
  await page.locator("body").press("n");
  await page.keyboard.type("By keyboard");
  await page.keyboard.press("Enter");
  await row(page, "By keyboard").waitFor();
  await page.keyboard.press("Tab");
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("j");
  assert.ok(await row(page, "By keyboard").evaluate((item) => item === document.activeElement));
  await page.keyboard.press("e");
  await page.keyboard.press("End");
  await page.keyboard.type(", changed");
  await page.keyboard.press("Control+Enter");
  await row(page, "By keyboard, changed").waitFor();
  assert.ok(await row(page, "By keyboard, changed").evaluate((item) => item === document.activeElement), "the focus is back");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await page.keyboard.press("x");
  await page.getByText("1 selected").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Delete");
  await row(page, "By keyboard, changed").waitFor({ state: "detached" });
  assert.ok(await page.evaluate(() => document.activeElement.classList.contains("task")), "the focus goes on");
  await page.keyboard.press("u");
  await row(page, "By keyboard, changed").waitFor();
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
  await look(world, page, "shortcuts");
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor({ state: "detached" });

  // Out, and back in.
  await page.getByRole("button", { name: "Import and export" }).click();
  await look(world, page, "import-and-export");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "JSON" }).click()]);
  assert.equal(download.suggestedFilename(), "tasks.json");
  const content = readFileSync(await download.path());
  assert.equal(JSON.parse(content).tasks.length, 4);
  await page.getByLabel("File").setInputFiles({ name: "tasks.json", mimeType: "application/json", buffer: content });
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText("4 there already").waitFor();
  await page.getByLabel("File").setInputFiles({ name: "more.csv", mimeType: "text/csv", buffer: Buffer.from("title,priority\nFrom a file,high\n,low\n") });
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText("1 that cannot be used").waitFor();
  await look(world, page, "imported");
  await page.getByLabel("File", { exact: true }).setInputFiles({ name: "broken.json", mimeType: "application/json", buffer: Buffer.from("{nope") });
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText(/^Line 1: /).waitFor();
  await page.getByRole("button", { name: "Close" }).last().click();
  await row(page, "From a file").waitFor();
  assert.ok(await page.getByRole("button", { name: "Import and export" }).evaluate((button) => button === document.activeElement), "the focus is back");
  assertQuiet(page, /400 \(Bad Request\)/);
  await browser.close();

  // The same in the dark, and from right to left.
  const dark = await context(world, { colorScheme: "dark" });
  const darkPage = await tab(dark);
  await register(darkPage);
  await add(darkPage, "Look at the moon !high today");
  await add(darkPage, "שלום עולם #חלל");
  await row(darkPage, "Look at the moon").waitFor();
  await look(world, darkPage, "dark");
  await darkPage.evaluate(() => (document.documentElement.dir = "rtl"));
  await look(world, darkPage, "right-to-left");
  await dark.close();
});
