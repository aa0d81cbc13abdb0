/* Who one is: a wrong password, the first one and its change, the way back out. */
import { expect, test } from "@playwright/test";
import { accessible, base, open, settled, shot } from "./help";

test("the first password must be changed, then the page opens where one wanted to go", async ({ browser }) => {
  const { context, page } = await open(browser, {}, false);
  await page.goto(base + "/dags/sales_daily/details");
  await page.getByLabel("User name").fill("admin");
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("User name or password is wrong.")).toBeVisible();

  await page.getByLabel("Password").fill(process.env.TRADEWIND_PASSWORD!);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Choose a password" })).toBeVisible();
  await shot(page, "first-password", { theme: "light", language: "en", width: 1280 });
  await accessible(page);
  // Nothing else answers before it is done.
  expect((await page.request.get(base + "/api/v2/dags")).status()).toBe(403);

  const [next, again] = [page.getByLabel("New password", { exact: true }), page.getByLabel("New password, again")];
  await next.fill("short");
  await again.fill("short");
  await page.getByRole("button", { name: "Save and go on" }).click();
  await expect(page.getByRole("alert")).toContainText("at least 8");
  await next.fill("steady winds carry cargo");
  await again.fill("steady winds carry cargo!");
  await page.getByRole("button", { name: "Save and go on" }).click();
  await expect(page.getByRole("alert")).toContainText("not the same");
  await again.fill("steady winds carry cargo");
  await page.getByRole("button", { name: "Save and go on" }).click();

  await expect(page.getByRole("heading", { name: "sales_daily" })).toBeVisible();
  await settled(page);
  // A write carries the session's token against forged requests; without it the server refuses.
  await page.getByRole("switch", { name: /Pause sales_daily/ }).click();
  await expect(page.getByRole("switch", { name: /Resume sales_daily/ })).toBeVisible();
  const forged = await page.request.patch(base + "/api/v2/dags/sales_daily", { data: { is_paused: false }, headers: { Origin: base } });
  expect(forged.status()).toBe(403);
  await page.getByRole("switch", { name: /Resume sales_daily/ }).click();
  await expect(page.getByRole("switch", { name: /Pause sales_daily/ })).toBeVisible();

  await page.getByRole("button", { name: /Profile/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByLabel("User name")).toBeVisible();
  expect((await page.request.get(base + "/api/v2/dags")).status()).toBe(401);
  await context.close();
});

test("one signs in by the provider, and comes to where one wanted to go", async ({ browser }) => {
  const { context, page } = await open(browser, {}, false);
  await page.goto(base + "/dags/sales_daily/details?x=1");
  await page.getByRole("link", { name: "Sign in with Our company" }).click();
  await expect(page.getByRole("heading", { name: "sales_daily" })).toBeVisible();
  await expect(page).toHaveURL(base + "/dags/sales_daily/details?x=1");
  await page.getByRole("button", { name: /Profile/ }).click();
  await expect(page.getByRole("menu")).toContainText("ann");
  // A user's page offers what a user may do, and no more.
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "More actions" }).click();
  await expect(page.getByRole("menuitem", { name: "Backfill" })).toBeVisible();
  await expect(page.getByRole("menuitem", { name: "Delete the DAG" })).toHaveCount(0);
  // Who is in already is led on from the sign-in, but never to another server.
  await page.goto(base + "/login?next=/dags/chain/details");
  await expect(page).toHaveURL(base + "/dags/chain/details");
  await page.goto(base + "/login?next=//evil.example/");
  await expect(page).toHaveURL(base + "/");
  await context.close();
});

test("how the provider's sign-in ended is told", async ({ browser }) => {
  const { context, page } = await open(browser, {}, false);
  const say = (what: string) => fetch(process.env.TRADEWIND_PROVIDER! + "/say", { method: "POST", body: what });
  for (const [what, url, words] of [["access_denied", /oidc=refused$/, "You were not signed in"], ["stranger", /oidc=denied$/, "you have no access to Tradewind"]] as const) {
    await say(what);
    await page.goto(base + "/dags");
    await page.getByRole("link", { name: "Sign in with Our company" }).click();
    await expect(page).toHaveURL(url);
    await expect(page.getByRole("alert")).toContainText(words);
  }
  await accessible(page);
  await say("ok");
  for (const [kind, words] of [["again", "took too long"], ["failed", "could not be verified"], ["taken", "already has a user of your name"], ["provider", "does not answer just now"]] as const) {
    await page.goto(`${base}/login?oidc=${kind}`);
    await expect(page.getByRole("alert")).toContainText(words);
  }
  await page.getByRole("combobox", { name: "Language" }).selectOption("ko");
  await expect(page.getByRole("alert")).toContainText("Our company이(가) 지금 응답하지 않습니다");
  // From there one gets in, and home.
  await page.getByRole("link", { name: /Our company/ }).click();
  await expect(page).toHaveURL(base + "/");
  await expect(page.locator("main h1")).toBeVisible();
  await context.close();
});
