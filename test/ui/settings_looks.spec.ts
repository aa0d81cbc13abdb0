/* Settings, assets, lists and dialogs in both themes, both languages, wide and narrow: they show what they should, markup is text, axe finds nothing. */
import { expect, test } from "@playwright/test";
import { accessible, all, ask, base, fits, LOOKS, open, settled, shot } from "./help";
import { seeded } from "./seed";

let views: [name: string, path: string, shows: string][];

test.beforeAll(async () => {
  const seed = await seeded();
  views = [
    ["pools", "/pools", "warehouse"], ["variables", "/variables", "report_settings"], ["connections", "/connections", "warehouse_db"], ["configuration", "/configuration", "parallelism"],
    ["plugins", "/plugins", "Tradewind"], ["users", "/users", "kim.minji"], ["tokens", "/tokens", ""], ["assets", "/assets", "orders"], ["asset", `/assets/${seed.asset}`, "orders_report"],
    ["assets-graph", "/assets/graph", "orders_load"], ["backfills", "/backfills", "chain"], ["backfill", `/backfills/${seed.backfill}`, "2026-11-12"], ["import-errors", "/import-errors", "wrong.yaml"],
    ["audit", "/audit", "warehouse_db"], ["required-actions", "/required-actions", "Publish the <b>report</b>?"], ["health", "/status", "Tradewind"], ["dag-backfills", "/dags/chain/backfills", "2026-11-01"],
    ["dag-process", "/dags/sales_daily/process", "%"],
  ];
});

for (const look of LOOKS) {
  test(`settings and lists ${look.theme} ${look.language} ${look.width}`, async ({ browser }) => {
    const { context, page, complaints } = await open(browser, look);
    await all(views, (v) => v[0], async ([name, path, shows]) => {
      await page.goto(base + path);
      await expect(page.locator("main")).toContainText(shows);
      await settled(page);
      await shot(page, name, look);
      await fits(page);
      await accessible(page);
      expect(await page.evaluate(() => (window as unknown as { evil?: number }).evil)).toBeUndefined();
    });
    expect(complaints).toEqual([]);
    await context.close();
  });
}

/* Which dialog, where, how it is opened: by a button, or by a button and a line of its menu. */
const DIALOGS: [name: string, path: string, button: RegExp, line?: RegExp][] = [
  ["dialog-trigger", "/dags/forms.all_kinds/details", /^(Trigger|트리거)$/],
  ["dialog-pool", "/pools", /^(New pool|새 풀)$/],
  ["dialog-variable", "/variables", /^(Edit|report_settings).*report_settings|report_settings.*편집$/],
  ["dialog-connection", "/connections", /(Edit warehouse_db|warehouse_db 편집)/],
  ["dialog-user", "/users", /^(New user|새 사용자)$/],
  ["dialog-token", "/tokens", /^(New token|새 토큰)$/],
  ["dialog-clear", "/backfills/BACKFILL", /^(Clear .*failed runs?|실패한 실행.*초기화)$/],
  ["dialog-backfill", "/dags/chain/backfills", /^(New backfill|새 백필)$/],
  ["dialog-clear-run", "/dags/chain/runs/RUN", /^(Clear|초기화)$/],
  ["dialog-mark-run", "/dags/chain/runs/RUN", /^(Mark|표시)$/, /^(As Success|성공\(으\)로)$/],
  ["dialog-note", "/dags/chain/runs/RUN", /^(Note|메모)$/],
  ["dialog-delete-run", "/dags/chain/runs/RUN", /^(Delete|삭제)$/],
  ["dialog-delete", "/dags/chain/details", /^(More actions|추가 작업)$/, /^(Delete the DAG|DAG 삭제)$/],
  ["dialog-delete-pool", "/pools", /^(Delete external-api|external-api 삭제)$/],
  ["dialog-event", "/assets/ASSET", /^(Create event|이벤트 만들기)$/],
];

for (const look of LOOKS) {
  test(`dialogs ${look.theme} ${look.language} ${look.width}`, async ({ browser }) => {
    const seed = await seeded();
    const run = (await ask<{ dag_runs: { dag_run_id: string }[] }>("GET", "/api/v2/dags/chain/dagRuns?state=failed&limit=1")).dag_runs[0]!.dag_run_id;
    const { context, page, complaints } = await open(browser, look);
    await all(DIALOGS, (d) => d[0], async ([name, path, button, line]) => {
      await page.goto(base + path.replace("BACKFILL", String(seed.backfill)).replace("ASSET", String(seed.asset)).replace("RUN", encodeURIComponent(run)));
      await settled(page);
      await page.locator("main").getByRole("button", { name: button }).first().click();
      if (line) await page.getByRole("menuitem", { name: line }).click();
      const dialog = page.getByRole("dialog");
      await expect(dialog).toBeVisible();
      if (name === "dialog-backfill") {
        await dialog.locator("input[type=datetime-local]").nth(0).fill("2026-10-01T00:00");
        await dialog.locator("input[type=datetime-local]").nth(1).fill("2026-10-20T00:00");
        await expect(dialog.getByRole("listitem").first()).toBeVisible();
      }
      if (name === "dialog-clear") await expect(dialog.getByRole("button", { name: /^(Clear \d+|\d+개)/ })).toBeEnabled();
      if (/-(clear|mark)-run$/.test(name)) await expect(dialog.getByRole("button", { name: /\d/ }).last()).toBeEnabled();
      if (name === "dialog-trigger") await expect(dialog.getByText("customers")).toBeVisible();
      await shot(page, name, look);
      await fits(page);
      await accessible(page);
      await page.keyboard.press("Escape");
      await expect(dialog).toHaveCount(0);
    });
    expect(complaints).toEqual([]);
    await context.close();
  });
}
