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
  run = "by_hand_" + "because_it_was_needed_".repeat(11).slice(0, 240);
  const made = (e: unknown) => expect(String(e)).toContain(": 409 "); // by an earlier worker
  await ask("POST", `/api/v2/dags/${dag}/dagRuns`, { dag_run_id: run, logical_date: null }).catch(made);
  await expect.poll(async () => (await ask<{ state: string }>("GET", `/api/v2/dags/${dag}/dagRuns/${enc(run)}`)).state, { timeout: 60_000 }).toMatch(/failed|success/);
  for (const [path, body] of [
    ["/api/v2/pools", { name: POOL, slots: 3, description: "words ".repeat(40) }],
    ["/api/v2/variables", { key: `key_${"of_a_setting_".repeat(18)}`, value: "value".repeat(100), description: null }],
    ["/api/v2/connections", { connection_id: `connection_${"to_somewhere_".repeat(18)}`, conn_type: "http", host: `https://${"a.very.long.host.".repeat(14)}example.com` }],
  ] as const) await ask("POST", path, body).catch(made);
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
    const views = ["/dags", "/pools", "/audit", "/assets/graph", "/dags/sales_daily/grid", "/dags/sales_daily/graph"];
    const data = /\/(api\/v2|ui)\/(?!session|events)/;
    await all([403, 404, 500, null], (a) => String(a), async (status) => {
      await all(views, (v) => v, async (path) => {
        await page.goto(`${base}/no/such/view`);
        await settled(page);
        await context.route(data, (route) => (status === null ? route.abort("connectionrefused") : route.fulfill({ status, json: { detail: `The server's own words about ${status}` } })));
        // Within the page: what it has of its code is there, the server is not.
        await page.evaluate((to) => {
          history.pushState({}, "", to);
          dispatchEvent(new PopStateEvent("popstate"));
        }, path);
        const main = page.locator("main");
        // Who may not see something has done nothing wrong; a DAG that is not there is an address that is none; all else is an alarm.
        if (status === 403) await expect(main.getByText("The server's own words about 403").first()).toBeVisible();
        else if (status === 404 && path.startsWith("/dags/")) await expect(main.getByRole("heading", { name: /No such page|페이지 없음/ }).first()).toBeVisible();
        else await expect(main.getByRole("alert").first()).toBeVisible();
        await expect(main.getByText(/^(0 (pools|entries)|.*0개)$/)).toHaveCount(0); // what is not known is not counted
        await fits(page);
        if (path === "/pools") {
          await shot(page, `refused-${status ?? "gone"}`, look);
          await accessible(page);
        }
        await context.unroute(data);
      });
    });
    expect(broken).toEqual([]);
    await context.close();
  });

  test(`a server that goes away is said, and when it is back ${look.theme} ${look.language} ${look.width}`, async ({ browser }) => {
    const { context, page } = await open(browser, look);
    await context.route(/\/ui\/events/, (route) => route.abort("connectionrefused")); // it looks by itself, then
    await page.goto(`${base}/dags`);
    await expect(page.getByRole("link", { name: "sales_daily" })).toBeVisible();
    const bar = page.getByRole("status").filter({ hasText: /The server does not answer|서버가 응답하지 않습니다/ });
    await expect(bar).toHaveCount(0);
    await context.route(/\/ui\/home/, (route) => route.abort("connectionrefused"));
    await expect(bar).toBeVisible();
    await expect(page.getByRole("link", { name: "sales_daily" })).toBeVisible(); // what was there stays
    await shot(page, "gone", look);
    await fits(page);
    await accessible(page);
    const tried = page.waitForRequest(/\/ui\/home/);
    await bar.getByRole("button").click();
    await tried;
    await context.unroute(/\/ui\/home/); // it finds that out by itself, too
    await expect(bar).toHaveCount(0);
    await context.close();
  });
}
