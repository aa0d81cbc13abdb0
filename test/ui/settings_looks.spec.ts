/* Settings, assets, lists and dialogs in both themes, both languages, wide and narrow: they show what they should, markup is text, axe finds nothing. */
import { expect, test } from "@playwright/test";
import { accessible, all, base, fits, LOOKS, open, settled, shot } from "./help";
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

/* Which dialog, where, how it is opened. */
const DIALOGS: [name: string, path: string, button: RegExp][] = [
  ["dialog-trigger", "/dags/forms.all_kinds/details", /^(Trigger|트리거)$/],
  ["dialog-pool", "/pools", /^(New pool|새 풀)$/],
  ["dialog-variable", "/variables", /^(Edit|report_settings).*report_settings|report_settings.*편집$/],
  ["dialog-connection", "/connections", /(Edit warehouse_db|warehouse_db 편집)/],
  ["dialog-user", "/users", /^(New user|새 사용자)$/],
  ["dialog-token", "/tokens", /^(New token|새 토큰)$/],
  ["dialog-clear", "/backfills/BACKFILL", /^(Clear .*failed runs?|실패한 실행.*초기화)$/],
  ["dialog-backfill", "/dags/chain/backfills", /^(New backfill|새 백필)$/],
];

for (const look of LOOKS) {
  test(`dialogs ${look.theme} ${look.language} ${look.width}`, async ({ browser }) => {
    const seed = await seeded();
    const { context, page, complaints } = await open(browser, look);
    await all(DIALOGS, (d) => d[0], async ([name, path, button]) => {
      await page.goto(base + path.replace("BACKFILL", String(seed.backfill)));
      await settled(page);
      await page.locator("main").getByRole("button", { name: button }).first().click();
      const dialog = page.getByRole("dialog");
      await expect(dialog).toBeVisible();
      if (name === "dialog-backfill") {
        await dialog.locator("input[type=datetime-local]").nth(0).fill("2026-10-01T00:00");
        await dialog.locator("input[type=datetime-local]").nth(1).fill("2026-10-20T00:00");
        await expect(dialog.getByRole("listitem").first()).toBeVisible();
      }
      if (name === "dialog-clear") await expect(dialog.getByRole("button", { name: /^(Clear \d+|\d+개)/ })).toBeEnabled();
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
