/* /docs: the API's description to be read: search, opening, addresses of operations, keys, the example. */
import { expect, test } from "@playwright/test";
import { ask, base, open, settled } from "./help";

type Description = { paths: Record<string, Record<string, { operationId: string; summary: string }>> };

test("every operation of the description has its line, and all about it when it is opened", async ({ browser }) => {
  const d = await ask<Description>("GET", "/openapi.json");
  const ids = Object.values(d.paths).flatMap((m) => Object.values(m).map((o) => o.operationId));
  const { context, page, complaints } = await open(browser);
  await page.goto(`${base}/docs`);
  await settled(page);
  await expect(page.locator("main article")).toHaveCount(ids.length);
  expect(new Set(await page.locator("main article").evaluateAll((all) => all.map((a) => a.id)))).toEqual(new Set(ids));
  // Nothing of an operation is drawn before it is opened.
  await expect(page.locator("main article h4")).toHaveCount(0);
  const line = page.getByRole("button", { name: /^PATCH \/api\/v2\/pools\/\{pool_name\} / });
  await line.click();
  await expect(line).toHaveAttribute("aria-expanded", "true");
  await expect(page).toHaveURL(/#patch_api_v2_pools_pool_name$/);
  const more = page.locator("#patch_api_v2_pools_pool_name-more");
  await expect(more).toContainText("pool_name");
  await expect(more).toContainText("update_mask");
  await expect(more).toContainText("include_deferred");
  await expect(more.getByRole("region", { name: "Example of PATCH /api/v2/pools/{pool_name}" })).toContainText(`curl -X PATCH '${base}/api/v2/pools/POOL_NAME'`);
  await line.click();
  await expect(more).toHaveCount(0);
  await expect(page).toHaveURL(/\/docs$/);
  expect(complaints).toEqual([]);
  await context.close();
});

test("a search leaves what has its words", async ({ browser }) => {
  const { context, page } = await open(browser);
  await page.goto(`${base}/docs`);
  await settled(page);
  const all = await page.locator("main article").count();
  await page.keyboard.press("/");
  await page.keyboard.type("delete pool_name");
  await expect(page.locator("main article")).toHaveCount(1);
  await expect(page.locator("main article")).toHaveAttribute("id", "delete_api_v2_pools_pool_name");
  await expect(page.locator("main").getByRole("status")).toHaveText("1 operation");
  await page.getByRole("searchbox").fill("no such operation");
  await expect(page.locator("main")).toContainText("No operation has these words");
  await page.keyboard.press("Escape");
  await expect(page.locator("main article")).toHaveCount(all);
  await context.close();
});

test("an address names an operation, keys go from line to line", async ({ browser }) => {
  const { context, page } = await open(browser);
  await page.goto(`${base}/docs#get_api_v2_pools`);
  await settled(page);
  const line = page.locator("#get_api_v2_pools > h3 > button");
  await expect(line).toHaveAttribute("aria-expanded", "true");
  await expect(line).toBeFocused();
  await expect(line).toBeInViewport();
  // A list of objects is open as far as their members; those of a member are opened.
  await expect(page.locator("#get_api_v2_pools-more")).toContainText("occupied_slots");
  await page.keyboard.press("j");
  await expect(page.locator("#post_api_v2_pools > h3 > button")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/#post_api_v2_pools$/);
  await page.keyboard.press("k");
  await expect(line).toBeFocused();
  // Another address of the same page, as from a link in a text.
  await page.evaluate(() => (location.hash = "#get_api_v2_version"));
  await expect(page.locator("#get_api_v2_version > h3 > button")).toBeFocused();
  await expect(page.locator("#get_api_v2_version-more")).toContainText("git_version");
  await context.close();
});

test("the menu, the keys and the example to copy", async ({ browser }) => {
  const { context, page } = await open(browser);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(`${base}/dags`);
  await settled(page);
  await page.locator("nav#nav").getByRole("link", { name: "REST API" }).click();
  await expect(page).toHaveURL(/\/docs$/);
  await page.goto(`${base}/dags`);
  await settled(page);
  await page.keyboard.press("g");
  await page.keyboard.press("i");
  await expect(page).toHaveURL(/\/docs$/);
  await page.goto(`${base}/docs#post_api_v2_variables`);
  const example = page.locator("#post_api_v2_variables-more");
  await example.getByRole("button", { name: "Copy", exact: true }).click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toContain(`curl -X POST '${base}/api/v2/variables'`);
  expect(copied).toContain('-H "Authorization: Bearer $TOKEN"');
  await context.close();
});
