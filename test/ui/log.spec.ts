/* A log of a million lines: it is read while it comes, searched, filtered, broken, kept; the page stays small, and so does its memory. */
import { expect, test } from "@playwright/test";
import { statSync } from "node:fs";
import { ask, base, fits, open } from "./help";

const LINES = 1_000_001; // and one that says how it ended

test("a log of a million lines", async ({ browser }) => {
  const run = (await ask<{ dag_run_id: string }>("POST", "/api/v2/dags/big_log/dagRuns", { logical_date: null })).dag_run_id;
  const { context, page, complaints } = await open(browser);
  const client = await context.newCDPSession(page);
  await client.send("Performance.enable");
  const heap = async () => {
    await client.send("HeapProfiler.collectGarbage");
    return (await client.send("Performance.getMetrics")).metrics.find((m) => m.name === "JSHeapUsedSize")!.value / 1e6;
  };
  // Opened while it is written.
  await page.goto(`${base}/dags/big_log/runs/${encodeURIComponent(run)}/tasks/million/log`);
  const log = page.getByRole("log"), search = page.getByRole("searchbox");
  await expect(log).toContainText(/row \d+ done/);
  // It takes words while lines come, and finds what came later.
  await search.fill("row 999999 ");
  const found = page.getByRole("status").filter({ hasText: "/" });
  await expect(page.getByText(`${LINES.toLocaleString("en")} lines`)).toBeVisible({ timeout: 120_000 });
  await expect(found).toHaveText("1 / 1");
  await expect(log).toContainText("row 999999 done");
  expect(await page.evaluate(() => document.querySelectorAll("*").length)).toBeLessThan(3000);
  expect(await heap()).toBeLessThan(400);
  await search.fill("error");
  await expect(found).toHaveText("1 / 200");
  await search.fill("row"); // more hits than are counted
  await expect(found).toHaveText("1 / 20000+");
  await search.fill("");
  await page.getByRole("combobox", { name: "Level" }).selectOption({ label: "ERROR and above" });
  await expect(log).toContainText("row 5000 done");
  await expect(log).not.toContainText("row 4900 done");
  await page.getByRole("combobox", { name: "Level" }).selectOption({ label: "All levels" });
  await page.getByRole("button", { name: "Wrap" }).click();
  await log.evaluate((el) => void (el.scrollTop = el.scrollHeight));
  await expect(log).toContainText("row 1000000 done");
  const numbers = await log.getByRole("link").allTextContents();
  expect(Number(numbers.at(-1))).toBeGreaterThanOrEqual(LINES - 1);
  await fits(page);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  expect(statSync((await (await download).path())!).size).toBeGreaterThan(30_000_000);
  expect(await heap()).toBeLessThan(400);
  expect(complaints).toEqual([]);
  await context.close();
});
