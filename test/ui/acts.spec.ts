/* What one does to runs, tasks and DAGs from their own pages, looked at from outside: by the REST API. */
import { expect, test } from "@playwright/test";
import type { Page } from "@playwright/test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accessible, ask, base, open, settled, shot } from "./help";
import { seeded, until } from "./seed";

const enc = encodeURIComponent, LOOK = { theme: "light", language: "en", width: 1280 } as const;
const runPath = (run: string, dag = "acts") => `/api/v2/dags/${dag}/dagRuns/${enc(run)}`;
const stateOf = async (run: string, task: string) => (await ask<{ state: string | null; try_number: number }>("GET", `${runPath(run)}/taskInstances/${task}`));

async function failedRun(dag = "acts"): Promise<string> {
  const run = (await ask<{ dag_run_id: string }>("POST", `/api/v2/dags/${dag}/dagRuns`, { logical_date: null })).dag_run_id;
  await until("the run's end", async () => /success|failed/.test((await ask<{ state: string }>("GET", runPath(run, dag))).state));
  return run;
}

async function at(page: Page, path: string) {
  await page.goto(base + path);
  await settled(page);
}

test("a task is cleared and marked from its own page, and the grid shows it", async ({ browser }) => {
  const run = await failedRun();
  const { context, page, complaints } = await open(browser);
  await at(page, `/dags/acts/runs/${enc(run)}/tasks/b/details`);
  await page.getByRole("button", { name: "Clear", exact: true }).click();
  const d = page.getByRole("dialog");
  await expect(d.getByRole("checkbox", { name: /Downstream/ })).toBeChecked();
  await expect(d.getByRole("listitem")).toHaveCount(2);
  await d.getByRole("checkbox", { name: /Upstream/ }).check();
  await expect(d.getByRole("button", { name: "Clear 3 instances" })).toBeEnabled();
  await shot(page, "dialog-clear-task", LOOK);
  await accessible(page);
  await d.getByRole("button", { name: "Clear 3 instances" }).click();
  await expect(d).toHaveCount(0);
  await expect(page.getByText("Cleared 3 task instances")).toBeVisible();
  await until("the second try's end", async () => { const b = await stateOf(run, "b"); return b.state === "failed" && b.try_number === 2; });
  await expect(page.locator("main")).toContainText("2 of");

  await page.getByRole("button", { name: "Mark", exact: true }).click();
  await page.getByRole("menuitem", { name: "As Skipped" }).click();
  await d.getByRole("button", { name: "Skip 1 instance" }).click();
  await expect(d).toHaveCount(0);
  await until("the mark", async () => (await stateOf(run, "b")).state === "skipped");
  await expect(page.locator("main").getByText("Skipped").first()).toBeVisible();

  // What the grid kept from before is read again by who writes.
  await at(page, `/dags/acts?run=${enc(run)}&task=b`);
  await expect(page).toHaveURL(/\/dags\/acts\/grid\?.*task=b/);
  const panel = page.getByRole("region", { name: "Task" });
  await expect(panel).toContainText("Skipped");
  await panel.getByRole("button", { name: "Mark" }).click();
  await page.getByRole("menuitem", { name: "As Success" }).click();
  await d.getByRole("button", { name: "Mark 1 instance" }).click();
  await expect(page.getByRole("treegrid").getByRole("gridcell", { selected: true })).toHaveAttribute("aria-label", /b.*Success/);
  expect(complaints).toEqual([]);
  await context.close();
});

test("a run gets a note, loses it, and is deleted", async ({ browser }) => {
  const run = await failedRun();
  const { context, page } = await open(browser);
  await at(page, `/dags/acts/runs/${enc(run)}`);
  const d = page.getByRole("dialog");
  await page.getByRole("button", { name: "Note", exact: true }).click();
  await d.getByRole("textbox").fill("Seen by Minji: <b>the disk</b> was full");
  await shot(page, "dialog-note", LOOK);
  await accessible(page);
  await d.getByRole("button", { name: "Save" }).click();
  await expect(d).toHaveCount(0);
  await expect(page.locator("main").getByText("<b>the disk</b>").first()).toBeVisible();
  expect(await ask("GET", runPath(run))).toMatchObject({ note: "Seen by Minji: <b>the disk</b> was full" });
  await page.getByRole("button", { name: "Note", exact: true }).click();
  await d.getByRole("textbox").fill("");
  await d.getByRole("button", { name: "Save" }).click();
  await until("no note", async () => (await ask<{ note: string | null }>("GET", runPath(run))).note === null);
  await expect(page.locator("main").getByText("<b>the disk</b>")).toHaveCount(0);
  // The same of a task.
  await at(page, `/dags/acts/runs/${enc(run)}/tasks/b/details`);
  await page.getByRole("button", { name: "Note", exact: true }).click();
  await d.getByRole("textbox").fill("of the task");
  await d.getByRole("button", { name: "Save" }).click();
  await expect(page.locator("main").getByText("of the task").first()).toBeVisible();
  expect(await ask("GET", `${runPath(run)}/taskInstances/b`)).toMatchObject({ note: "of the task" });

  await at(page, `/dags/acts/runs/${enc(run)}`);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(d).toContainText(run);
  await accessible(page);
  await d.getByRole("button", { name: "Delete" }).click();
  await expect(page).toHaveURL(base + "/dags/acts/runs");
  await expect(page.getByRole("row").filter({ hasText: run })).toHaveCount(0);
  await expect(ask("GET", runPath(run))).rejects.toThrow("404");
  await context.close();
});

test("a DAG is deleted when its name is written", async ({ browser }) => {
  const file = join(process.env.TRADEWIND_DAGS!, "old.yaml");
  writeFileSync(file, "dag_id: old_one\nschedule: null\ntasks:\n  a: {operator: bash, bash_command: 'true'}\n");
  await until("the DAG", () => ask("GET", "/api/v2/dags/old_one").then(() => true, () => false));
  await failedRun("old_one");
  rmSync(file);
  const { context, page } = await open(browser);
  await at(page, "/dags/old_one/details");
  await page.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Delete the DAG" }).click();
  const d = page.getByRole("dialog"), button = d.getByRole("button", { name: "Delete" });
  await expect(button).toBeDisabled();
  await d.getByRole("textbox").fill("another");
  await expect(d.getByText("This is another name.")).toBeVisible();
  await expect(button).toBeDisabled();
  await shot(page, "dialog-delete", LOOK);
  await accessible(page);
  await d.getByRole("textbox").fill("old_one");
  await button.click();
  await expect(page).toHaveURL(base + "/dags");
  await expect(page.getByRole("link", { name: "old_one" })).toHaveCount(0);
  await until("it is gone", () => ask("GET", "/api/v2/dags/old_one").then(() => false, (e: unknown) => /: 404 /.test(String(e))));
  await context.close();
});

test("a favourite stays one, and a question is answered on its task's page", async ({ browser }) => {
  await seeded();
  const { context, page, complaints } = await open(browser);
  await at(page, "/dags/acts/details");
  await page.getByRole("button", { name: "Make a favourite" }).click();
  await expect(page.getByRole("button", { name: "No longer a favourite" })).toHaveAttribute("aria-pressed", "true");
  await until("the favourite", async () => (await ask<{ is_favorite: boolean }>("GET", "/api/v2/dags/acts/details")).is_favorite);
  await page.reload();
  await page.getByRole("button", { name: "No longer a favourite" }).click();
  await expect(page.getByRole("button", { name: "Make a favourite" })).toBeVisible();
  await until("no favourite", async () => !(await ask<{ is_favorite: boolean }>("GET", "/api/v2/dags/acts/details")).is_favorite);

  const run = (await ask<{ dag_run_id: string }>("POST", "/api/v2/dags/questions/dagRuns", { logical_date: null })).dag_run_id;
  await until("the question", async () => (await ask<{ total_entries: number }>("GET", `${runPath(run, "questions")}/hitlDetails?task_id=enter`)).total_entries === 1);
  await at(page, `/dags/questions/runs/${enc(run)}/tasks/enter`);
  const card = page.getByRole("region", { name: "A person has to decide" });
  await expect(card).toContainText("What is the budget?");
  await shot(page, "task-question", LOOK);
  await accessible(page);
  const amount = card.getByRole("spinbutton", { name: "amount" });
  await amount.fill("0");
  await card.getByRole("button").last().click();
  await expect(amount).toHaveAttribute("aria-invalid", "true");
  await amount.fill("250");
  await card.getByRole("textbox", { name: "why" }).fill("a new store");
  await card.getByRole("button").last().click();
  await until("the answer", async () => (await ask<{ state: string }>("GET", `${runPath(run, "questions")}/taskInstances/enter`)).state === "success");
  expect((await ask<{ hitl_details: { params_input: object }[] }>("GET", `${runPath(run, "questions")}/hitlDetails?task_id=enter`)).hitl_details[0]!.params_input).toMatchObject({ amount: 250, why: "a new store" });
  await expect(card).toContainText("a new store");
  await ask("PATCH", runPath(run, "questions"), { state: "failed" }); // its other questions are not those that the other tests answer
  expect(complaints).toEqual([]);
  await context.close();
});

test("who sees the DAGs of some tags alone is told so, kindly, where a page is about all", async ({ browser }) => {
  await seeded();
  const made = await ask<{ token: string }>("POST", "/ui/tokens", { name: "tags", role: "user", expires_in: 3600, read_tags: ["finance"], write_tags: ["finance"] });
  const { context, page } = await open(browser);
  await context.setExtraHTTPHeaders({ Authorization: `Bearer ${made.token}` });
  const errors: string[] = [];
  page.on("pageerror", (e) => errors.push(String(e)));
  for (const path of ["/", "/dags", "/runs", "/assets", "/assets/graph", "/backfills", "/import-errors", "/required-actions", "/pools", "/plugins", "/tokens", "/status", "/dags/sales_daily/grid", "/dags/sales_daily/runs", "/dags/sales_daily/calendar", "/dags/sales_daily/process", "/dags/sales_daily/backfills", "/dags/sales_daily/required-actions"]) {
    await test.step(path, async () => {
      await at(page, path);
      // Nothing looks broken: no alarm, and where there is nothing to see, why.
      await expect(page.locator("main").getByRole("alert")).toHaveCount(0);
      const words = page.locator("main").getByText("you see those with your tags");
      await shot(page, `tags${path.replace(/\W+/g, "-")}`, LOOK);
      if (await words.count()) expect(path).toMatch(/^\/(runs|assets|assets\/graph|backfills|import-errors|required-actions)$|dags\/sales_daily\/(backfills|required-actions)$/);
    });
  }
  await at(page, "/dags");
  await expect(page.getByRole("link", { name: "sales_daily" })).toBeVisible();
  await expect(page.getByRole("link", { name: "crm_import" })).toHaveCount(0);
  await at(page, "/dags/crm_import/grid");
  await expect(page.getByText("No such page")).toBeVisible();
  expect(errors).toEqual([]);
  await context.close();
});
