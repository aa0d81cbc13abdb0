/* What one does on the page, mostly by keyboard, and what the server's events do to it. */
import { expect, test } from "@playwright/test";
import type { Page } from "@playwright/test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accessible, ask, base, open, settled, shot } from "./help";

async function at(page: Page, path: string) {
  await page.goto(base + path);
  await settled(page);
}

test("the palette finds pages, and keys lead about", async ({ browser }) => {
  const { context, page } = await open(browser);
  await at(page, "/");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("runs");
  await expect(page.getByRole("option", { name: /Runs/ }).first()).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(base + "/runs");
  await page.keyboard.press("g");
  await page.keyboard.press("d");
  await expect(page).toHaveURL(base + "/dags");
  await expect(page.getByRole("searchbox")).toBeVisible();
  await page.keyboard.press("/");
  await expect(page.getByRole("searchbox")).toBeFocused();
  await page.keyboard.type("seoul");
  await expect(page).toHaveURL(/q=seoul/);
  await expect(page.getByRole("row")).toHaveCount(2);
  // Letters typed into a field are no keys of the page.
  await page.keyboard.type("?");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await context.close();
});

test("the skip link is the first stop, and a dialog keeps the focus and gives it back", async ({ browser }) => {
  const { context, page } = await open(browser);
  await at(page, "/dags");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator("main")).toBeFocused();
  const help = page.getByRole("button", { name: "Keyboard shortcuts" });
  await help.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await expect(dialog).toBeVisible();
  for (let i = 0; i < 4; i++) {
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement === document.body || document.querySelector("dialog")!.contains(document.activeElement))).toBe(true);
  }
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(help).toBeFocused();
  await context.close();
});

test("j, k and o go through the list; p pauses", async ({ browser }) => {
  const { context, page } = await open(browser);
  await at(page, "/dags");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await expect(page.locator("[role=row][data-index='1']")).toBeFocused();
  await page.keyboard.press("k");
  const first = page.locator("[role=row][data-index='0']");
  await expect(first).toBeFocused();
  const dag = (await first.getByRole("link").first().textContent())!;
  await page.keyboard.press("p");
  await expect(first.getByRole("switch")).toHaveAttribute("aria-checked", "false");
  await expect.poll(async () => (await ask<{ is_paused: boolean }>("GET", "/api/v2/dags/" + dag)).is_paused).toBe(true);
  await page.keyboard.press("p");
  await expect(first.getByRole("switch")).toHaveAttribute("aria-checked", "true");
  await expect.poll(async () => (await ask<{ is_paused: boolean }>("GET", "/api/v2/dags/" + dag)).is_paused).toBe(false);
  await page.keyboard.press("o");
  await expect(page).toHaveURL(new RegExp(`/dags/${dag}`));
  await context.close();
});

test("filters stand in the address and come back with it", async ({ browser }) => {
  const { context, page } = await open(browser);
  await at(page, "/dags");
  await page.getByRole("button", { name: "Tags" }).click();
  await page.getByRole("checkbox", { name: "finance" }).check();
  await expect(page).toHaveURL(/tag=finance/);
  await expect(page.getByRole("row")).toHaveCount(2);
  await page.keyboard.press("Escape");
  await at(page, "/dags?show=paused");
  await expect(page.getByRole("radio", { name: "Paused" })).toBeChecked();
  await expect(page.getByRole("row")).toHaveCount(2);
  await expect(page.getByRole("link", { name: "team_08.sync" })).toBeVisible();
  await page.getByRole("radio", { name: "Paused" }).press("ArrowLeft");
  await expect(page).toHaveURL(/show=active/);
  await context.close();
});

test("a run that another one starts appears by itself, in two tabs with one stream", async ({ browser }) => {
  const { context, page } = await open(browser);
  const streams: string[] = [];
  context.on("request", (r) => r.url().includes("/ui/events") && streams.push(r.url()));
  await at(page, "/dags/seoul_weather/runs");
  await expect.poll(() => streams.length).toBeGreaterThan(0);
  const second = await context.newPage();
  await at(second, "/dags/seoul_weather/runs");
  const rows = second.getByRole("row");
  const before = await rows.count();
  const run = await ask<{ dag_run_id: string }>("POST", "/api/v2/dags/seoul_weather/dagRuns", { logical_date: null });
  for (const tab of [page, second]) await expect(tab.getByRole("row").filter({ hasText: run.dag_run_id }).getByText("Success")).toBeVisible();
  await expect(rows).toHaveCount(before + 1);
  // The second tab has none of its own: all streams were the first one's.
  expect(await second.evaluate(() => performance.getEntriesByType("resource").filter((e) => e.name.includes("/ui/events")).length)).toBe(0);
  // When the first tab goes, the second takes over.
  await page.close();
  const more = await ask<{ dag_run_id: string }>("POST", "/api/v2/dags/seoul_weather/dagRuns", { logical_date: null });
  await expect(second.getByRole("row").filter({ hasText: more.dag_run_id }).getByText("Success")).toBeVisible();
  await context.close();
});

test("a run is triggered with a configuration, and what is wrong with it is said", async ({ browser }) => {
  const { context, page } = await open(browser);
  await at(page, "/dags/team_01.sync/runs");
  await page.getByRole("button", { name: "Trigger", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("radio", { name: "JSON" }).click();
  await dialog.getByLabel(/Configuration/).fill("[1");
  await dialog.getByRole("button", { name: "Trigger" }).click();
  await expect(dialog.getByText("This is no JSON")).toBeVisible();
  await dialog.getByLabel(/Configuration/).fill('{"day": 3}');
  await dialog.getByRole("button", { name: "Trigger" }).click();
  await expect(page.getByText("Triggered team_01.sync")).toBeVisible();
  await expect(page.getByRole("row").filter({ hasText: "manual__" }).first()).toBeVisible();
  const runs = await ask<{ dag_runs: { run_type: string; conf: object }[] }>("GET", "/api/v2/dags/team_01.sync/dagRuns?order_by=-run_after");
  expect(runs.dag_runs.find((r) => r.run_type === "manual")!.conf).toEqual({ day: 3 });
  await context.close();
});

test("versions are compared", async ({ browser }) => {
  const { context, page } = await open(browser);
  const file = join(process.env.TRADEWIND_DAGS!, "team_02.yaml");
  writeFileSync(file, readFileSync(file, "utf8").replace("tasks:", "tasks:\n  check: {operator: bash, bash_command: 'true', upstream: [sync]}"));
  await expect.poll(async () => (await ask<{ total_entries: number }>("GET", "/api/v2/dags/team_02.sync/dagVersions")).total_entries).toBe(2);
  await at(page, "/dags/team_02.sync/code");
  await expect(page.getByRole("region", { name: "Source of" })).toContainText('"check"');
  await page.getByLabel("Changes since").selectOption({ index: 1 });
  await expect(page).toHaveURL(/since=1/);
  await expect(page.getByRole("list", { name: "What changed" })).toContainText("task check");
  await expect(page.getByRole("region", { name: "v1 to v2" })).toContainText('+      "check"');
  await accessible(page);
  await shot(page, "versions", { theme: "light", language: "en", width: 1280 });
  await context.close();
});

test("failures are counted in the title, and the time zone is a choice", async ({ browser }) => {
  const { context, page } = await open(browser);
  await at(page, "/dags/seoul_weather/details");
  await expect(page).toHaveTitle(/^\(\d+\) seoul_weather – Tradewind$/);
  await expect(page.locator("link[rel=icon]")).toHaveAttribute("href", /^data:image\/svg/);
  const next = page.locator("dt", { hasText: "Next run" }).locator("xpath=following-sibling::dd");
  await expect(next).toContainText("22:30:00");
  await page.getByRole("button", { name: /Profile/ }).click();
  await page.getByRole("menuitemradio", { name: "The DAG's own" }).click();
  await expect(next).toContainText("07:30:00");
  await page.reload();
  await expect(next).toContainText("07:30:00");
  await page.getByRole("button", { name: /Profile/ }).click();
  await page.getByRole("menuitemradio", { name: "한국어" }).click();
  await expect(page.locator("html")).toHaveAttribute("lang", "ko");
  await expect(page.getByRole("link", { name: "세부 정보" })).toBeVisible();
  await context.close();
});

test("ten thousand DAGs are a few lines of the page, and the last one is reached", async ({ browser }) => {
  const { context, page } = await open(browser);
  const N = 10_000;
  await context.route("**/ui/dags?*", (route) => {
    const q = new URL(route.request().url()).searchParams, from = Number(q.get("cursor") ?? 0), limit = 1000;
    const dags = Array.from({ length: Math.min(limit, N - from) }, (_, i) => ({
      dag_id: `dag_${String(from + i).padStart(5, "0")}`, description: null, tags: ["t"], owners: [], paused: false, favorite: false, schedule: "@daily", timezone: "UTC",
      next_run: "2030-01-01T00:00:00Z", import_error: null, has_required_action: false, recent: [],
    }));
    return route.fulfill({ json: { dags, next_cursor: from + dags.length < N ? String(from + dags.length) : null, total_entries: N } });
  });
  await page.goto(base + "/dags");
  await expect(page.getByRole("link", { name: "dag_00000" })).toBeVisible();
  const last = page.getByRole("link", { name: `dag_0${N - 1}` });
  for (let i = 0; i < 400 && !(await last.isVisible()); i++) {
    await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
    await page.waitForTimeout(10);
  }
  await expect(last).toBeVisible();
  expect(await page.getByRole("row").count()).toBeLessThan(80);
  await context.close();
});

test("a server that does not answer is said, with what helps", async ({ browser }) => {
  const { context, page } = await open(browser);
  await at(page, "/");
  await context.route("**/ui/dags?*", (route) => route.fulfill({ status: 503, json: { detail: "There is no store yet: start `tradewind scheduler`" } }));
  await page.getByRole("link", { name: "DAGs", exact: true }).click();
  const alert = page.getByRole("alert");
  await expect(alert).toContainText("The DAGs cannot be shown");
  await expect(alert).toContainText("There is no store yet");
  await context.unroute("**/ui/dags?*");
  await alert.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("link", { name: "sales_daily" })).toBeVisible();
  await context.close();
});
