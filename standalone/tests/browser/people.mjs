// People come and go: they register, sign in and out, are held up by precise words, and find themselves where they were
// going. Nothing of one reaches another, and nothing stays when they leave.

import assert from "node:assert/strict";
import { add, assertNoTokens, assertQuiet, at, call, context, look, newEmail, origin, PASSWORD, register, row, sent, signIn, SIZES, tab } from "./world.mjs";

await at(SIZES, async (world) => {
  const hers = await context(world);
  const page = await tab(hers, "/trash?x=1");
  // Led to sign in, and asked nothing that would be refused.
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.ok(page.url().startsWith(`${origin}/sign-in?next=`));
  await look(world, page, "sign-in");
  await page.getByRole("link", { name: "Make an account" }).click();
  await page.getByRole("heading", { name: "Make an account" }).waitFor();
  assertQuiet(page);

  // The rules are told as one types.
  const email = page.getByLabel("E-mail address");
  const password = page.getByLabel("Password", { exact: true });
  assert.equal(await email.getAttribute("autocomplete"), "username");
  assert.equal(await password.getAttribute("autocomplete"), "new-password");
  await email.fill("ada");
  await password.fill("short");
  await page.getByText("looks like name@example.com").waitFor();
  await page.getByLabel("Name").focus();
  await page.getByText("7 characters more").waitFor();
  assert.equal(await password.getAttribute("aria-invalid"), "true");
  await look(world, page, "register");
  await page.getByRole("button", { name: "Show: Password" }).click();
  assert.equal(await password.getAttribute("type"), "text");
  await page.getByRole("button", { name: "Hide: Password" }).click();
  assert.equal(await password.getAttribute("type"), "password");

  // What only the service knows comes from it, beside the field.
  const address = newEmail();
  await email.fill(address);
  await password.fill("password1234");
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.getByText("too easy to guess").waitFor();
  assert.ok(!/\.\./.test(await page.locator("form").textContent()), "one full stop");
  assert.ok(await password.evaluate((input) => input === document.activeElement));
  // How long a password must be may be set otherwise; then that counts.
  await page.route("**/session/register", (route) =>
    route.fulfill({ status: 400, contentType: "application/problem+json", body: JSON.stringify({ reason: "PASSWORD_TOO_SHORT", errors: [{ field: "password", description: "must have at least 15 characters" }] }) }),
  );
  await password.fill("tiger lamp 99");
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.getByText("It must have at least 15 characters.").waitFor();
  await page.unroute("**/session/register");
  await password.fill("tiger lamp 9");
  await page.getByText("3 characters more").waitFor();
  assertQuiet(page, /400 \(Bad Request\)/);

  // Sent once, however often it is pressed; then on to where the person was going.
  const posted = [];
  page.on("request", (request) => request.method() === "POST" && posted.push(request.url()));
  await password.fill(PASSWORD);
  await page.getByLabel("Name").fill("Ada");
  await page.getByRole("button", { name: "Make the account" }).dblclick();
  await page.getByRole("heading", { name: "Trash", exact: true }).waitFor();
  assert.deepEqual(posted, [`${origin}/session/register`]);
  assert.equal(new URL(page.url()).pathname, "/trash");
  await look(world, page, "trash-empty");
  await assertNoTokens(page);
  assertQuiet(page);

  // Another person in another browser: nothing of one reaches the other.
  await page.getByRole("link", { name: "Tasks" }).click();
  await add(page, "Ada's secret #private");
  await row(page, "Ada's secret").waitFor();
  const his = await context(world);
  const other = await tab(his);
  await register(other);
  await add(other, "Bob's secret");
  await row(other, "Bob's secret").waitFor();
  await add(page, "Ada's next");
  await row(page, "Ada's next").waitFor();
  await sent(page);
  const ids = (await call(page, "GET", "/v1/tasks")).json.tasks.map(({ id }) => id);
  for (const id of ids) assert.equal((await call(other, "GET", `/v1/tasks/${id}`)).json.reason, "TASK_NOT_FOUND");
  await other.reload();
  await row(other, "Bob's secret").waitFor();
  assert.ok(!(await other.content()).includes("Ada"));
  assert.ok(!(await page.content()).includes("Bob"));
  assertQuiet(other, /404 \(Not Found\)/);
  await his.close();

  // Signed out: nothing is shown any more, nor after Back.
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  for (let times = 0; times < 3; times += 1) {
    await page.goBack({ waitUntil: "commit" }).catch(() => {});
    if (!page.url().startsWith(origin)) break;
    await page.getByRole("heading", { name: /Sign in|Make an account/ }).waitFor();
    assert.ok(!(await page.content()).includes("Ada's"));
  }
  assert.deepEqual(await hers.cookies(), []);
  assert.deepEqual(await page.evaluate(() => ({ ...localStorage })).catch(() => ({})), {});

  await page.goto(`${origin}/?q=secret&sort=title`);
  await signIn(page, address, "not the password at all");
  await page.getByText("The e-mail address or the password is wrong.").waitFor();
  assertQuiet(page, /401 \(Unauthorized\)/);
  await signIn(page, address);
  await row(page, "Ada's secret").waitFor();
  assert.equal(new URL(page.url()).search, "?q=secret&sort=title");

  // The session ends elsewhere while something is typed: nothing of it is lost.
  await page.getByLabel("New task").fill("Half a thought #idea");
  await page.getByRole("button", { name: "Ada's secret", exact: true }).click();
  await page.getByLabel("Description").fill("Known to few.");
  const twin = await tab(hers);
  await row(twin, "Ada's secret").waitFor();
  const another = await context(world);
  const device = await tab(another, "/sign-in");
  await signIn(device, address);
  await row(device, "Ada's secret").waitFor();
  assert.equal((await call(device, "POST", "/v1/sessions:revokeOthers")).status, 200);
  await page.getByText("Your session has ended").waitFor();
  assert.ok(!(await page.content()).includes("Ada's"));
  await look(world, page, "session-ended");
  // Nor when the person signs in in another tab, or loads the page anew.
  await signIn(twin, address);
  for (const again of [false, true]) {
    if (again) await page.reload();
    await page.getByLabel("Description").waitFor();
    assert.equal(await page.getByLabel("New task").inputValue(), "Half a thought #idea");
    assert.equal(await page.getByLabel("Description").inputValue(), "Known to few.");
    assert.equal(new URL(page.url()).search, "?q=secret&sort=title");
  }
  assert.equal(await twin.getByLabel("New task").inputValue(), "", "each tab has its own");
  assertQuiet(page, /401 \(Unauthorized\)/);
  await twin.close();
  await another.close();

  // A way on that leads elsewhere is not taken.
  const crooked = await tab(hers, "/sign-in?next=//example.com/");
  await crooked.getByLabel("New task").waitFor();
  assert.equal(crooked.url(), `${origin}/`);
  await crooked.goto(`${origin}/sign-in?next=http%3A%2F%2F%5B`);
  await crooked.getByLabel("New task").waitFor();
  assertQuiet(crooked);
  await hers.close();
});
