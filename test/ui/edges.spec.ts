/* What is rare, in all looks: names of 250 characters, and a server that refuses, fails or is gone. */
import { expect, test } from "@playwright/test";
import { accessible, all, ask, base, fits, LOOKS, open, settled, shot } from "./help";

const enc = encodeURIComponent;
const NAME = "zz_a_pipeline";
let dag = "", tasks: string[] = [], run = "";
const POOL = "pool_" + "of_the_warehouse_that_all_share_".repeat(8).slice(0, 245);

test.beforeAll(async () => {
  dag = (await ask<{ dags: { dag_id: string }[] }>("GET", `/api/v2/dags?dag_id_pattern=${NAME}%25`)).dags[0]!.dag_id;
  expect(dag).toHaveLength(250);
  tasks = (await ask<{ tasks: { task_id: string }[] }>("GET", `/api/v2/dags/${dag}/tasks`)).tasks.map((t) => t.task_id);
  run = (await ask<{ dag_run_id: string }>("POST", `/api/v2/dags/${dag}/dagRuns`, { dag_run_id: "by_hand_" + "because_it_was_needed_".repeat(11).slice(0, 240), logical_date: null })).dag_run_id;
  await expect.poll(async () => (await ask<{ state: string }>("GET", `/api/v2/dags/${dag}/dagRuns/${enc(run)}`)).state, { timeout: 60_000 }).toBe("failed");
  for (const [path, body] of [
    ["/api/v2/pools", { name: POOL, slots: 3, description: "words ".repeat(40) }],
    ["/api/v2/variables", { key: `key_${"of_a_setting_".repeat(18)}`, value: "value".repeat(100), description: null }],
    ["/api/v2/connections", { connection_id: `connection_${"to_somewhere_".repeat(18)}`, conn_type: "http", host: `https://${"a.very.long.host.".repeat(14)}example.com` }],
  ] as const) await ask("POST", path, body).catch((e: unknown) => expect(String(e)).toContain(": 409 ")); // made by an earlier look
});

test.afterAll(async () => {
  // The other tests count failures.
  await ask("PATCH", `/api/v2/dags/${dag}/dagRuns/${enc(run)}`, { state: "success" });
});

for (const look of LOOKS) {
  test(`long names ${look.theme} ${look.language} ${look.width}`, async ({ browser }) => {
    const { context, page, complaints } = await open(browser, look);
    const d = `/dags/${dag}`, r = `${d}/runs/${enc(run)}`;
    const views: [name: string, path: string, shows: string][] = [
      ["dags", `/dags?q=${NAME}`, dag], ["runs", `/runs?q=${NAME}`, dag], ["grid", `${d}/grid`, tasks[0]!], ["graph", `${d}/graph?task=${tasks[1]}`, tasks[1]!], ["gantt", `${d}/gantt`, tasks[0]!], ["dag-runs", `${d}/runs`, "by_hand"],
      ["code", `${d}/code`, "description"], ["details", `${d}/details`, "long.yaml"], ["run", r, tasks[1]!], ["task", `${r}/tasks/${tasks[1]}/log`, ""], ["task-details", `${r}/tasks/${tasks[1]}/details`, "4"],
      ["pools", "/pools", POOL], ["variables", "/variables", "of_a_setting"], ["connections", "/connections", "to_somewhere"], ["home", "/", NAME],
    ];
    await all(views, (v) => v[0], async ([name, path, shows]) => {
      await page.goto(base + path);
      await expect(page.locator("main")).toContainText(shows);
      await settled(page);
      await shot(page, `long-${name}`, look);
      await fits(page);
      await accessible(page);
    });
    expect(complaints).toEqual([]);
    await context.close();
  });

  test(`a server that refuses ${look.theme} ${look.language} ${look.width}`, async ({ browser }) => {
    const { context, page } = await open(browser, look);
    const broken: string[] = [];
    page.on("pageerror", (e) => broken.push(String(e)));
    const views = ["/", "/dags", "/runs", "/pools", "/variables", "/connections", "/assets", "/assets/graph", "/backfills", "/import-errors", "/audit", "/required-actions", "/status", "/dags/sales_daily/grid", "/dags/sales_daily/graph", "/dags/sales_daily/calendar", "/dags/sales_daily/runs", "/dags/sales_daily/process"];
    const answers: [name: string, status: number | null][] = [["403", 403], ["404", 404], ["500", 500], ["gone", null]];
    await all(answers, (a) => a[0], async ([name, status]) => {
      await all(views, (v) => v, async (path) => {
        await page.goto(`${base}/no/such/view`);
        await settled(page);
        await context.route(/\/(api\/v2|ui)\/(?!session|events)/, (route) => (status === null ? route.abort("connectionrefused") : route.fulfill({ status, json: { detail: `This is what the server says about ${status}` } })));
        // Within the page: what it has of its code is there, the server is not.
        await page.evaluate((to) => {
          history.pushState({}, "", to);
          dispatchEvent(new PopStateEvent("popstate"));
        }, path);
        const alert = page.locator("main").getByRole("alert").first();
        await expect(alert).toBeVisible();
        if (path === "/pools" || path.endsWith("grid")) {
          await shot(page, `refused-${name}-${path === "/pools" ? "pools" : "grid"}`, look);
          await accessible(page);
        }
        await fits(page);
        await context.unroute(/\/(api\/v2|ui)\/(?!session|events)/);
      });
    });
    expect(broken).toEqual([]);
    await context.close();
  });
}
