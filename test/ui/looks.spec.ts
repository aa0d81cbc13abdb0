/* Every view in both themes, both languages, wide and narrow: it shows what it should, nothing sticks out, axe-core and the browser find nothing. */
import { expect, test } from "@playwright/test";
import { accessible, all, base, fits, LOOKS, open, settled, shot } from "./help";

const VIEWS: [name: string, path: string, shows: string][] = [
  ["home", "/", "crm_import"],
  ["dags", "/dags", "sales_daily"],
  ["runs", "/runs", "crm_import"],
  ["dag-runs", "/dags/crm_import/runs", "manual__"],
  ["dag-code", "/dags/sales_daily/code", "Orders of a day"],
  ["dag-details", "/dags/seoul_weather/details", "Asia/Seoul"],
  ["api-docs", "/docs", "/api/v2/dags"],
  ["api-docs-operation", "/docs#patch_api_v2_dags_dag_id", "is_paused"],
  ["notfound", "/no/such/view", "/no/such/view"],
];

for (const look of LOOKS) {
  test(`views ${look.theme} ${look.language} ${look.width}`, async ({ browser }) => {
    const { context, page, complaints } = await open(browser, look);
    await all(VIEWS, (v) => v[0], async ([name, path, shows]) => {
      await page.goto(base + path);
      await expect(page.locator("main")).toContainText(shows);
      await settled(page);
      await expect(page.locator("html")).toHaveAttribute("lang", look.language);
      await expect(page.locator("html")).toHaveAttribute("data-theme", look.theme);
      await shot(page, name, look);
      await fits(page);
      await accessible(page);
    });
    // What opens over a view.
    await page.goto(base + "/dags/sales_daily/details");
    await settled(page);
    await page.keyboard.press("Control+k");
    await expect(page.getByRole("combobox")).toBeFocused();
    await shot(page, "palette", look);
    await accessible(page);
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await expect(page.getByRole("dialog")).toBeVisible();
    await shot(page, "keys", look);
    await accessible(page);
    await page.keyboard.press("Escape");
    await page.keyboard.press("t");
    await expect(page.getByRole("dialog").getByRole("textbox").first()).toBeVisible();
    await shot(page, "trigger", look);
    await fits(page);
    await accessible(page);
    await page.keyboard.press("Escape");
    if (look.width < 900) {
      await page.locator("header button[aria-controls=nav]").click();
      await expect(page.locator("nav#nav")).toBeVisible();
    }
    await page.locator("nav#nav button[aria-haspopup=menu]").click();
    await expect(page.getByRole("menu")).toBeVisible();
    await shot(page, "profile", look);
    await fits(page);
    await accessible(page);
    expect(complaints).toEqual([]);
    await context.close();
  });

  test(`sign-in ${look.theme} ${look.language} ${look.width}`, async ({ browser }) => {
    const { context, page } = await open(browser, look, false);
    await page.goto(base + "/dags");
    await expect(page.locator("input[name=password]")).toBeVisible();
    await shot(page, "signin", look);
    await fits(page);
    await accessible(page);
    await context.close();
  });
}
