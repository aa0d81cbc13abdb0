/* The grid, the graph, a run, a task, its log: in all looks, and what one does with them. */
import { expect, test } from "@playwright/test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessible, all, ask, base, fits, LOOKS, open, settled, shot } from "./help";

const enc = encodeURIComponent;
const DAG = "night_load";
let good = "", bad = "", live = "", folder = "";
const gate = () => join(folder, "gate");

async function ended(dag: string, run: string) {
  await expect(async () => {
    expect((await ask<{ state: string }>("GET", `/api/v2/dags/${dag}/dagRuns/${enc(run)}`)).state).toMatch(/success|failed/);
  }).toPass({ timeout: 120_000 });
}

const trigger = async (dag: string, conf: object = {}) => (await ask<{ dag_run_id: string }>("POST", `/api/v2/dags/${dag}/dagRuns`, { logical_date: null, conf })).dag_run_id;

test.beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tradewind-gate-"));
  for (let i = 0; i < 3; i++) await ended(DAG, await trigger(DAG));
  bad = await trigger(DAG, { bad: 1 });
  await ended(DAG, bad);
  await ask("PATCH", `/api/v2/dags/${DAG}/dagRuns/${enc(bad)}`, { note: "seen" });
  good = await trigger(DAG);
  await ended(DAG, good);
  live = await trigger("watch_gate", { gate: gate() });
});

test.afterAll(async () => {
  writeFileSync(gate(), "");
  await ended("watch_gate", live);
  rmSync(folder, { recursive: true });
});

const VIEWS = (): [name: string, path: string, shows: string][] => [
  ["grid", `/dags/${DAG}/grid`, "orders"],
  ["graph", `/dags/${DAG}/graph`, "orders"],
  ["gantt", `/dags/${DAG}/gantt`, "load.flaky"],
  ["calendar", `/dags/${DAG}/calendar`, "UTC"],
  ["durations", `/dags/${DAG}/durations`, "95"],
  ["run", `/dags/${DAG}/runs/${enc(bad)}`, "load.warehouse"],
  ["run-grid", `/dags/${DAG}/runs/${enc(bad)}/grid`, "warehouse"],
  ["run-graph", `/dags/${DAG}/runs/${enc(bad)}/graph?task=load.warehouse`, "exit code 3"],
  ["run-gantt", `/dags/watch_gate/runs/${enc(live)}/gantt`, "wait"],
  ["run-events", `/dags/${DAG}/runs/${enc(bad)}/events`, "note"],
  ["task-log", `/dags/${DAG}/runs/${enc(good)}/tasks/extract.orders/log`, "reading orders"],
  ["task-log-live", `/dags/watch_gate/runs/${enc(live)}/tasks/wait/log`, "look 1"],
  ["task-log-tries", `/dags/${DAG}/runs/${enc(good)}/tasks/load.flaky/log?try=1`, "connection refused"],
  ["task-details", `/dags/${DAG}/runs/${enc(good)}/tasks/load.flaky/details`, "exit code 1"],
  ["task-rendered", `/dags/${DAG}/runs/${enc(good)}/tasks/load.warehouse/rendered`, "bash_command"],
  ["task-xcom", `/dags/${DAG}/runs/${enc(good)}/tasks/load.warehouse/xcom`, "tables"],
  ["task-mapped", `/dags/${DAG}/runs/${enc(good)}/tasks/parts`, "ms"],
  ["task-why", `/dags/watch_gate/runs/${enc(live)}/tasks/after`, "wait"],
];

for (const look of LOOKS) {
  test(`runs ${look.theme} ${look.language} ${look.width}`, async ({ browser }) => {
    const { context, page, complaints } = await open(browser, look);
    await all(VIEWS(), (v) => v[0], async ([name, path, shows]) => {
      await page.goto(base + path);
      await expect(page.locator("main")).toContainText(shows);
      await settled(page);
      await shot(page, name, look);
      await fits(page);
      await accessible(page);
    });
    expect(complaints).toEqual([]);
    await context.close();
  });
}

test("the grid goes by keys, folds, finds, and opens what is chosen", async ({ browser }) => {
  const { context, page } = await open(browser);
  await page.goto(`${base}/dags/${DAG}/grid`);
  const grid = page.getByRole("treegrid");
  await expect(grid.getByRole("row", { name: /orders/ })).toBeVisible();
  // Tab comes to one cell; arrows move from there.
  const cell = grid.locator("[role=gridcell][tabindex='0']");
  await expect(cell).toHaveCount(1);
  await cell.focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowLeft");
  await expect(grid.locator("[role=gridcell]:focus")).toHaveAttribute("aria-label", /extract\.\w+.*Success/);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/task=extract/);
  await expect(grid.locator("[role=gridcell][aria-selected=true]")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/runs\/.*\/tasks\/extract/);
  await page.goBack();
  await expect(grid).toBeVisible();
  const rows = await grid.getByRole("row").count();
  await grid.getByRole("button", { name: "Close the group" }).first().click();
  await expect.poll(() => grid.getByRole("row").count()).toBeLessThan(rows);
  await page.getByRole("searchbox").fill("warehouse");
  await expect(grid.getByRole("row")).toHaveCount(3); // the runs, the group, the task
  // Two states in one mark, the worst in its name.
  await page.getByRole("searchbox").fill("parts");
  await expect(grid.getByRole("gridcell").last()).toHaveAttribute("aria-label", /Failed 1.*|.*Success 7.*/);
  await context.close();
});

test("a graph closes groups, and shows what a task depends on", async ({ browser }) => {
  const { context, page } = await open(browser);
  await page.goto(`${base}/dags/${DAG}/graph`);
  const node = (id: string) => page.locator(`[data-node="${id}"]`);
  await expect(node("extract.raw.files")).toBeVisible();
  await node("extract").focus();
  await page.keyboard.press(" ");
  await expect(node("extract.raw.files")).toHaveCount(0);
  await expect(node("extract")).toBeVisible();
  await page.keyboard.press(" ");
  await expect(node("extract.raw.files")).toBeVisible();
  await node("choose").focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("region", { name: "Task" })).toContainText("branch");
  // Arrows lead to the next box.
  await node("choose").focus();
  await page.keyboard.press("ArrowRight");
  const next = page.locator("[data-node]:focus");
  await expect(next).toHaveCount(1);
  await expect(next).not.toHaveAttribute("data-node", "choose");
  await page.keyboard.press("ArrowLeft");
  await expect(node("choose")).toBeFocused();
  await page.getByRole("searchbox").fill("report");
  await expect(node("report")).toBeInViewport();
  await context.close();
});

test("a graph is dragged, enlarged by the wheel and the buttons, and a drag is no press", async ({ browser }) => {
  const { context, page } = await open(browser);
  await page.goto(`${base}/dags/${DAG}/graph`);
  const box = page.locator('[data-node="choose"]');
  await expect(box).toBeVisible();
  const at = async () => (await box.boundingBox())!;
  const before = await at();
  const [x, y] = [before.x + before.width / 2, before.y + before.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 30, y + 20);
  await page.mouse.move(x + 60, y + 40);
  await page.mouse.up();
  await expect.poll(async () => Math.round((await at()).x - before.x)).toBe(60);
  expect(Math.round((await at()).y - before.y)).toBe(40);
  await expect(page).not.toHaveURL(/task=/);
  // What is below the pointer stays there.
  await page.mouse.wheel(0, -300);
  await expect.poll(async () => (await at()).width).toBeGreaterThan(before.width * 1.3);
  const larger = await at();
  expect(Math.abs(larger.x + larger.width / 2 - x - 60)).toBeLessThan(3);
  await page.getByRole("button", { name: "Zoom out" }).click();
  await expect.poll(async () => (await at()).width).toBeLessThan(larger.width / 1.3);
  await page.getByRole("button", { name: "Show all" }).click();
  await box.click();
  await expect(page).toHaveURL(/task=choose/);
  await context.close();
});

test("two fingers enlarge a graph, and one moves it", async ({ browser }) => {
  const { context, page } = await open(browser, { width: 360 });
  await page.goto(`${base}/dags/${DAG}/graph`);
  const plane = page.locator("[data-plane]"), box = page.locator("[data-node]").first();
  await expect(box).toBeVisible();
  const zoom = () => plane.evaluate((el) => new DOMMatrix(getComputedStyle(el).transform).a);
  const x = () => plane.evaluate((el) => new DOMMatrix(getComputedStyle(el).transform).e);
  const client = await context.newCDPSession(page), r = (await page.getByRole("group", { name: /Graph of/ }).boundingBox())!;
  await page.evaluate((y) => window.scrollTo(0, y), r.y - 100);
  const top = (await page.getByRole("group", { name: /Graph of/ }).boundingBox())!.y + 100;
  const touch = (type: "touchStart" | "touchMove" | "touchEnd", ...xs: number[]) => client.send("Input.dispatchTouchEvent", { type, touchPoints: xs.map((at, id) => ({ x: at, y: top, id })) });
  const [z0, x0] = [await zoom(), await x()];
  await touch("touchStart", 150);
  await touch("touchMove", 180);
  await touch("touchMove", 210);
  await touch("touchEnd");
  await expect.poll(x).toBeGreaterThan(x0 + 40);
  await touch("touchStart", 150, 190);
  await touch("touchMove", 130, 210);
  await touch("touchMove", 110, 230);
  await touch("touchEnd");
  await expect.poll(zoom).toBeGreaterThan(z0 * 2);
  await context.close();
});

test("a large graph is drawn together from afar, and a press still finds a box", async ({ browser }) => {
  const { context, page } = await open(browser);
  const nodes = Array.from({ length: 1000 }, (_, i) => ({ id: `t${i}`, label: `t${i}`, x: Math.floor(i / 40) * 240, y: (i % 40) * 60, w: 180, h: 40, kind: "task", operator: "bash", mapped: false, parent: null }));
  const edges = nodes.slice(40).map((n, i) => ({ from: `t${i}`, to: n.id, points: [[n.x - 60, n.y + 20], [n.x, n.y + 20]], label: null }));
  await page.route(new RegExp(`/ui/dags/${DAG}/graph`), (r) => r.fulfill({ json: { version: 1, width: 25 * 240, height: 40 * 60, nodes, edges } }));
  await page.goto(`${base}/dags/${DAG}/graph`);
  const boxes = page.locator("[data-node]"), plane = page.locator("[data-plane]"), paths = plane.locator("path");
  await expect(boxes.first()).toBeVisible();
  expect(await boxes.count()).toBeLessThan(300); // those that are seen
  const near = await paths.count();
  await page.getByRole("button", { name: "Show all" }).click();
  await expect(boxes).toHaveCount(0);
  await expect.poll(() => paths.count()).toBeGreaterThan(near);
  // Where a box is painted, there it is pressed: the one in the middle of the map, whose box is a row of 60 by 240.
  const at = await plane.evaluate((el) => {
    const r = el.getBoundingClientRect(), m = new DOMMatrix(getComputedStyle(el).transform);
    return { x: r.left + (12 * 240 + 90) * m.a, y: r.top + (20 * 60 + 20) * m.a };
  });
  await page.mouse.click(at.x, at.y);
  await expect(page).toHaveURL(/task=t500$/);
  await expect(boxes).toHaveCount(1);
  // The map in the corner leads elsewhere.
  const before = await plane.getAttribute("style");
  await page.getByRole("img", { name: "Small map" }).click({ position: { x: 20, y: 50 } });
  await expect(plane).not.toHaveAttribute("style", before!);
  await context.close();
});

test("a log is searched, folded, filtered and linked to", async ({ browser }) => {
  const { context, page } = await open(browser);
  await page.goto(`${base}/dags/${DAG}/runs/${enc(good)}/tasks/extract.orders/log`);
  const log = page.getByRole("log");
  await expect(log).toContainText("reading orders");
  await expect(log.getByText("INFO", { exact: true })).toHaveCSS("color", /rgb/);
  await expect(log).not.toContainText("page 3 of 12");
  await log.getByRole("button", { name: "pages" }).click();
  await expect(log).toContainText("page 3 of 12");
  await log.getByRole("button", { name: "pages" }).click();
  await page.getByRole("searchbox").fill("page");
  await expect(page.getByRole("status").filter({ hasText: "/" })).toContainText(/1 \/ 1[34]/);
  await page.locator("main").focus();
  await page.keyboard.press("n");
  await expect(page.getByRole("status").filter({ hasText: "/" })).toContainText("2 /");
  await expect(log).toContainText("page 1 of 12"); // the group of a hit is opened
  await page.getByRole("searchbox").fill("");
  await page.getByRole("combobox", { name: "Level" }).selectOption({ label: "WARNING and above" });
  await expect(log).not.toContainText("reading orders");
  await expect(log).toContainText("was slow");
  await page.getByRole("combobox", { name: "Level" }).selectOption({ label: "All levels" });
  await log.getByRole("link", { name: "1", exact: true }).click();
  await expect(page).toHaveURL(/#L1$/);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  expect((await download).suggestedFilename()).toBe(`${DAG}.extract.orders.try1.log`);
  await context.close();
});

test("a log grows while one looks, and states change by themselves", async ({ browser }) => {
  const { context, page } = await open(browser);
  const path = join(folder, "second");
  const run = await trigger("watch_gate", { gate: path });
  await page.goto(`${base}/dags/watch_gate/runs/${enc(run)}/tasks/wait/log`);
  const log = page.getByRole("log");
  await expect(log).toContainText(/look \d+/);
  const second = await context.newPage();
  await second.goto(`${base}/dags/watch_gate/grid?run=${enc(run)}`);
  await expect(second.locator("[role=gridcell][aria-label*='after'][aria-label*='No status']").last()).toBeVisible();
  writeFileSync(path, "");
  await expect(log).toContainText("open");
  await expect(page.locator("main")).toContainText("Success");
  await expect(second.locator("[role=gridcell][aria-label*='after'][aria-label*='Success']").last()).toBeVisible();
  await context.close();
});

test("instances of a mapped task are chosen by state", async ({ browser }) => {
  const { context, page } = await open(browser);
  await page.goto(`${base}/dags/${DAG}/runs/${enc(good)}/tasks/parts`);
  await expect(page).toHaveURL(/\/mapped$/);
  const table = page.getByRole("table");
  await expect(table.getByRole("row")).toHaveCount(9);
  await page.getByRole("button", { name: /Failed\s*1/ }).click();
  await expect(table.getByRole("row")).toHaveCount(2);
  await table.getByRole("link", { name: "2" }).click();
  await expect(page).toHaveURL(/map_index=2/);
  await expect(page.getByRole("log")).toContainText("2");
  await context.close();
});

test("a task mapped a thousand times is one line, and any of its instances is reached", async ({ browser }) => {
  const run = await trigger("thousand");
  const { context, page } = await open(browser);
  await page.goto(`${base}/dags/thousand/runs/${enc(run)}/tasks/many`);
  await ended("thousand", run);
  const table = page.getByRole("table");
  await page.getByRole("button", { name: /Failed\s*2/ }).click();
  await expect(table.getByRole("row")).toHaveCount(3);
  await expect(table.getByRole("link", { name: "777" })).toBeVisible();
  await page.getByRole("button", { name: /Success\s*998/ }).click();
  const last = table.getByRole("link", { name: "999", exact: true });
  for (let i = 0; i < 200 && !(await last.isVisible()); i++) {
    await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
    await page.waitForTimeout(20);
  }
  await expect(last).toBeVisible();
  expect(await table.getByRole("row").count()).toBeLessThan(80); // those that are seen
  await page.goto(`${base}/dags/thousand/grid`);
  await expect(page.getByRole("gridcell").last()).toHaveAttribute("aria-label", /Success 998, Failed 2/);
  await context.close();
});
