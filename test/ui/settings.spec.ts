/* What the settings and dialogs do, looked at from outside: by the REST API. */
import { expect, test } from "@playwright/test";
import type { Page } from "@playwright/test";
import { ask, base, open, settled } from "./help";
import { EVIL, seeded, until } from "./seed";

test.beforeAll(async () => void (await seeded()));

async function at(page: Page, path: string) {
  await page.goto(base + path);
  await settled(page);
}

const dialogOf = (page: Page) => page.getByRole("dialog");

test("a run is triggered by the form of its params, and what is wrong is told at its field", async ({ browser }) => {
  const { context, page } = await open(browser);
  const runId = `by_form_${Date.now()}`;
  await at(page, "/dags/forms.all_kinds/details");
  await page.getByRole("button", { name: "Trigger", exact: true }).click();
  const d = dialogOf(page);
  await expect(d.getByText("<script>alert(1)</script>")).toBeVisible();
  await expect(d.getByRole("link", { name: "the guide" })).toHaveAttribute("href", "https://example.com/guide");
  await d.getByLabel(/Region/).selectOption({ label: "Asia and Pacific" });
  const limit = d.getByRole("spinbutton", { name: "limit" });
  await limit.fill("0");
  await d.getByRole("button", { name: "Trigger" }).click();
  await expect(limit).toHaveAttribute("aria-invalid", "true");
  await expect(limit).toBeFocused();
  await expect(d.getByText("At least 1.", { exact: true })).toBeVisible();
  await limit.fill("7");
  await d.getByLabel("tables").fill("orders\nrefunds");
  await d.getByRole("checkbox", { name: "c", exact: true }).check();
  await d.getByText("Run id, logical date, note").click();
  await d.getByLabel(/Run id/).fill(runId);
  await d.getByRole("button", { name: "Trigger" }).click();
  await expect(d).toHaveCount(0);
  const run = await until("the run", () => ask<{ conf: Record<string, unknown> }>("GET", "/api/v2/dags/forms.all_kinds/dagRuns/" + runId).catch(() => null));
  expect(run.conf).toMatchObject({ region: "ap", limit: 7, tables: ["orders", "refunds"], parts: ["a", "c"] });
  await context.close();
});

test("the server's own judgement stands at the field", async ({ browser }) => {
  const { context, page } = await open(browser);
  await at(page, "/dags/forms.all_kinds/details");
  await page.getByRole("button", { name: "Trigger", exact: true }).click();
  const d = dialogOf(page);
  // What the form lets through, the server refuses: here by an answer that only names the field.
  await page.route("**/dagRuns", (r) => r.fulfill({ status: 422, contentType: "application/json", body: JSON.stringify({ detail: "param 'code': it is <b>taken</b>" }) }));
  await d.getByRole("button", { name: "Trigger" }).click();
  await expect(d.getByText("it is <b>taken</b>")).toBeVisible();
  await expect(d.getByLabel("code")).toHaveAttribute("aria-invalid", "true");
  await page.unroute("**/dagRuns");
  await d.getByRole("radio", { name: "JSON" }).click();
  await d.getByRole("textbox", { name: /Configuration/ }).fill('{"limit": 5000}');
  await d.getByRole("button", { name: "Trigger" }).click();
  await expect(d.getByRole("alert").filter({ hasText: /limit/ })).toBeVisible();
  await context.close();
});

test("a pool is made, changed and deleted", async ({ browser }) => {
  const { context, page } = await open(browser);
  await at(page, "/pools");
  await page.getByRole("button", { name: "New pool" }).click();
  await dialogOf(page).getByLabel("Name").fill("made_here");
  await dialogOf(page).getByRole("spinbutton", { name: "Slots" }).fill("3");
  await dialogOf(page).getByRole("button", { name: "Create" }).click();
  await expect(dialogOf(page)).toHaveCount(0);
  await page.getByRole("button", { name: "Edit made_here" }).click();
  await dialogOf(page).getByRole("spinbutton", { name: "Slots" }).fill("5");
  await dialogOf(page).getByRole("button", { name: "Save" }).click();
  await expect(dialogOf(page)).toHaveCount(0);
  expect(await ask("GET", "/api/v2/pools/made_here")).toMatchObject({ slots: 5 });
  await page.getByRole("button", { name: "Delete made_here" }).click();
  await dialogOf(page).getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("row", { name: /made_here/ })).toHaveCount(0);
  await expect(ask("GET", "/api/v2/pools/made_here")).rejects.toThrow("404");
  await context.close();
});

test("variables: markup is text, a secret stays hidden and survives an edit, files come in", async ({ browser }) => {
  const { context, page } = await open(browser);
  await at(page, "/variables");
  await expect(page.getByRole("row", { name: /markup/ }).getByRole("cell").nth(1)).toContainText(EVIL);
  expect(await page.content()).not.toContain("hunter2");
  await page.getByRole("button", { name: "Edit mail_password" }).click();
  await expect(dialogOf(page).getByRole("checkbox", { name: /Replace the value/ })).not.toBeChecked();
  await dialogOf(page).getByLabel(/Description/).fill("of the mail server");
  await dialogOf(page).getByRole("button", { name: "Save" }).click();
  await expect(dialogOf(page)).toHaveCount(0);
  expect(await ask("GET", "/api/v2/variables/mail_password")).toMatchObject({ value: "***", description: "of the mail server" });
  await page.locator("input[type=file]").setInputFiles({ name: "v.json", mimeType: "application/json", buffer: Buffer.from('{"from_file": {"value": {"a": 1}, "description": "d"}, "bucket": "other"}') });
  await dialogOf(page).getByRole("button", { name: "Import 2" }).click();
  await expect(page.getByText("Imported 1, left 1 that exist")).toBeVisible();
  expect(await ask("GET", "/api/v2/variables/from_file")).toMatchObject({ value: '{"a":1}', description: "d" });
  expect(await ask("GET", "/api/v2/variables/bucket")).toMatchObject({ value: "s3://shop/raw" });
  await ask("DELETE", "/api/v2/variables/from_file");
  await context.close();
});

test("a connection is tested and changed, and its password is never seen", async ({ browser }) => {
  const { context, page } = await open(browser);
  await at(page, "/connections");
  await page.getByRole("button", { name: "Edit warehouse_db" }).click();
  const d = dialogOf(page);
  await expect(d.getByLabel("Password")).toHaveValue("");
  await d.getByRole("button", { name: "Test" }).click();
  await expect(d.getByRole("status").filter({ hasText: "The connection does not work" })).toBeVisible();
  await d.getByLabel("Database").fill("sales2");
  await d.getByRole("button", { name: "Save" }).click();
  await expect(d).toHaveCount(0);
  expect(await ask("GET", "/api/v2/connections/warehouse_db")).toMatchObject({ schema: "sales2", password: "***", login: "etl" });
  await context.close();
});

test("a token is shown once, works, and is revoked", async ({ browser }) => {
  const { context, page } = await open(browser);
  await at(page, "/tokens");
  await page.getByRole("button", { name: "New token" }).click();
  await dialogOf(page).getByLabel("Name").fill("nightly");
  await dialogOf(page).getByLabel("Role").selectOption("viewer");
  await dialogOf(page).getByRole("button", { name: "Create" }).click();
  const secret = await page.getByTestId("secret").textContent();
  const me = await fetch(base + "/ui/session", { headers: { Authorization: `Bearer ${secret}` } });
  expect(((await me.json()) as { user: { role: string } }).user.role).toBe("viewer");
  await page.keyboard.press("Escape");
  await expect(page.getByTestId("secret")).toBeVisible();
  await page.getByRole("button", { name: "I have it" }).click();
  await expect(page.getByTestId("secret")).toHaveCount(0);
  await page.getByRole("button", { name: "Revoke nightly" }).first().click();
  await dialogOf(page).getByRole("button", { name: "Revoke" }).click();
  await expect(page.getByRole("row", { name: /nightly/ })).toHaveCount(0);
  await until("a refusal", async () => (await fetch(base + "/api/v2/dags", { headers: { Authorization: `Bearer ${secret}` } })).status === 401);
  await context.close();
});

test("a user is made with a first password", async ({ browser }) => {
  const { context, page } = await open(browser);
  await at(page, "/users");
  await page.getByRole("button", { name: "New user" }).click();
  await dialogOf(page).getByLabel("Name", { exact: true }).fill("lee");
  await dialogOf(page).getByLabel("Role").selectOption("op");
  await dialogOf(page).getByRole("button", { name: "Create" }).click();
  await expect(page.getByTestId("secret")).not.toBeEmpty();
  await page.getByRole("button", { name: "I have it" }).click();
  expect(await ask("GET", "/ui/users/lee")).toMatchObject({ role: "operator", first_password: true });
  await page.getByRole("button", { name: "Delete lee" }).click();
  await dialogOf(page).getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("row", { name: /^lee/ })).toHaveCount(0);
  await context.close();
});

test("an asset's event is made and starts its consumer", async ({ browser }) => {
  const { asset } = await seeded();
  const before = (await ask<{ total_entries: number }>("GET", "/api/v2/dags/orders_report/dagRuns")).total_entries;
  const { context, page } = await open(browser);
  await at(page, `/assets/${asset}`);
  await page.getByText("extra", { exact: true }).first().click();
  await expect(page.locator("main")).toContainText('"note": "<img src=x');
  await page.getByRole("button", { name: "Create event" }).click();
  await dialogOf(page).getByLabel(/extra/).fill('{"by": "hand"}');
  await dialogOf(page).getByRole("button", { name: "Create event" }).click();
  await expect(dialogOf(page)).toHaveCount(0);
  await until("the consumer's run", async () => (await ask<{ total_entries: number }>("GET", "/api/v2/dags/orders_report/dagRuns")).total_entries > before);
  expect((await ask<{ asset_events: { extra: object }[] }>("GET", `/api/v2/assets/events?asset_id=${asset}&order_by=-timestamp&limit=1`)).asset_events[0]!.extra).toMatchObject({ by: "hand" });
  await context.close();
});

test("a backfill shows its runs before it makes them", async ({ browser }) => {
  const { context, page } = await open(browser);
  await at(page, "/dags/chain/backfills");
  await page.getByRole("button", { name: "New backfill" }).click();
  const d = dialogOf(page);
  await d.getByLabel("From").fill("2026-09-01T00:00");
  await d.getByLabel("To").fill("2026-09-03T00:00");
  await expect(d.getByRole("status").filter({ hasText: "3 runs" })).toBeVisible();
  await expect(d.getByRole("listitem")).toHaveCount(3);
  expect((await ask<{ total_entries: number }>("GET", "/api/v2/dags/chain/dagRuns?logical_date_gte=2026-09-01T00:00:00Z&logical_date_lte=2026-09-03T00:00:00Z")).total_entries).toBe(0);
  await d.getByRole("button", { name: "Start backfill" }).click();
  await expect(d).toHaveCount(0);
  await until("three runs", async () => (await ask<{ total_entries: number }>("GET", "/api/v2/dags/chain/dagRuns?logical_date_gte=2026-09-01T00:00:00Z&logical_date_lte=2026-09-03T00:00:00Z")).total_entries === 3);
  await context.close();
});

test("a question is answered on the page", async ({ browser }) => {
  const { context, page } = await open(browser);
  await at(page, "/required-actions");
  const card = page.getByRole("listitem").filter({ hasText: "Publish the <b>report</b>?" });
  await card.getByRole("button", { name: "Approve" }).click();
  await expect(card).toHaveCount(0);
  await page.getByRole("radio", { name: "Answered" }).click();
  await expect(page.getByRole("listitem").filter({ hasText: "Publish the <b>report</b>?" })).toContainText("Approve");
  await context.close();
});

test("the audit log tells what was there and what is there now", async ({ browser }) => {
  await ask("PATCH", "/api/v2/pools/external-api?update_mask=slots", { slots: 4 });
  await ask("PATCH", "/api/v2/pools/external-api?update_mask=slots", { slots: 2 });
  const { context, page } = await open(browser);
  await at(page, "/audit?event=pool");
  const entry = page.getByRole("listitem").filter({ hasText: "external-api" }).first();
  await expect(entry.locator("del").filter({ hasText: /^4$/ })).toBeVisible();
  await expect(entry.locator("ins").filter({ hasText: /^2$/ })).toBeVisible();
  expect(await page.content()).not.toContain("hunter2");
  await context.close();
});

test("a clear shows what it touches before it does it", async ({ browser }) => {
  await until("a failed run", async () => (await ask<{ total_entries: number }>("GET", "/api/v2/dags/chain/dagRuns?state=failed")).total_entries > 0);
  const run = (await ask<{ dag_runs: { dag_run_id: string }[] }>("GET", "/api/v2/dags/chain/dagRuns?state=failed&limit=1")).dag_runs[0]!.dag_run_id;
  const plan = await ask<{ total: number; instances: { task_id: string; state: string | null; after: string | null }[] }>("POST", "/ui/plan", { op: "clear", dag_id: "chain", run_ids: [run], task_ids: ["c"], downstream: true });
  expect(plan.instances.map((i) => i.task_id).sort()).toEqual(["c", "d"]);
  expect(plan.total).toBe(2);
  const { backfill } = await seeded();
  const { context, page } = await open(browser);
  await at(page, `/backfills/${backfill}`);
  await page.getByRole("button", { name: /^Clear .*failed runs?$/ }).click();
  const d = dialogOf(page);
  const button = d.getByRole("button", { name: /^Clear \d+ instances$/ });
  await expect(button).toBeEnabled();
  const everything = Number((await button.textContent())!.match(/\d+/)![0]);
  await d.getByRole("checkbox", { name: /Only failed/ }).check();
  await expect(button).not.toHaveText(`Clear ${everything} instances`);
  await expect(button).toBeEnabled();
  await expect(d.getByRole("listitem").first()).toBeVisible();
  await button.click();
  await expect(d).toHaveCount(0);
  await until("its runs have run again", async () => (await ask<{ counts: Record<string, number> }>("GET", `/ui/backfills/${backfill}`)).counts.failed === 12);
  await page.getByRole("button", { name: "Mark them as success" }).click();
  await d.getByRole("button", { name: /^Mark \d+ instances$/ }).click();
  await expect(d).toHaveCount(0);
  await until("its runs are successes", async () => (await ask<{ counts: Record<string, number> }>("GET", `/ui/backfills/${backfill}`)).counts.success === 12);
  await context.close();
});
