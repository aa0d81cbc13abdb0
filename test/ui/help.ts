import { expect, test } from "@playwright/test";
import type { Browser, Page } from "@playwright/test";
import { readFileSync } from "node:fs";

export const base = process.env.TRADEWIND_URL ?? "";
export const token = process.env.TRADEWIND_TOKEN ?? "";
export const THEMES = ["light", "dark"] as const;
export const LANGUAGES = ["en", "ko"] as const;
export const WIDTHS = [1280, 360] as const;
export type Look = { theme: (typeof THEMES)[number]; language: (typeof LANGUAGES)[number]; width: (typeof WIDTHS)[number] };

/** Each choice is in one of the two; TRADEWIND_UI_LOOKS=pairs for four that hold each pair, =all for all eight. */
const wanted = process.env.TRADEWIND_UI_LOOKS;
export const LOOKS: Look[] = THEMES.flatMap((theme, i) =>
  LANGUAGES.flatMap((language, j) => WIDTHS.filter((_, k) => wanted === "all" || (wanted === "pairs" ? k === (i + j) % 2 : i === j && j === k)).map((width) => ({ theme, language, width }))),
);

const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** A tab with a look of its own; signed in by the API's token unless `token` is false. What the browser complains about is collected. */
export async function open(browser: Browser, look: Partial<Look> = {}, signedIn = true) {
  const { theme = "light", language = "en", width = 1280 } = look;
  const context = await browser.newContext({
    viewport: { width, height: width < 500 ? 780 : 860 },
    colorScheme: theme,
    timezoneId: "UTC",
    reducedMotion: "reduce",
    extraHTTPHeaders: signedIn ? { Authorization: `Bearer ${token}` } : {},
  });
  await context.addInitScript(([l, t]) => {
    localStorage.setItem("tradewind.language", l!);
    localStorage.setItem("tradewind.theme", t!);
  }, [language, theme]);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (m) => {
    const where = m.location().url;
    // Airflow's word for "no event of this asset waits" is 404, which the browser writes down.
    if (m.type() === "error" && !(/status of 404/.test(m.text()) && /\/queuedEvents$/.test(where))) complaints.push(`${m.text()} ${where}`);
  });
  page.on("pageerror", (e) => complaints.push(String(e)));
  return { context, page, complaints };
}

/** Nothing loads any more. */
export async function settled(page: Page) {
  await expect(page.locator("h1").first()).toBeVisible();
  await expect(page.locator("[aria-hidden] > span[style*='height: 1rem']")).toHaveCount(0);
  await expect(page.locator("[aria-busy=true]")).toHaveCount(0);
}

/** What axe-core finds, as text: nothing. */
export async function accessible(page: Page) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const result = await (window as unknown as { axe: { run: (o: object) => Promise<{ violations: { id: string; help: string; nodes: { target: string[]; failureSummary: string }[] }[] }> } }).axe.run({
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return result.violations.map((v) => `${v.id}: ${v.help}\n  ${v.nodes.slice(0, 4).map((n) => `${n.target.join(" ")}: ${n.failureSummary}`).join("\n  ")}`);
  });
  expect(found.join("\n")).toBe("");
}

/** No line of it is wider than the window. */
export async function fits(page: Page) {
  const over = await page.evaluate(() => {
    const w = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= w) return [];
    return [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > w + 1).slice(0, 5).map((e) => e.outerHTML.slice(0, 120));
  });
  expect(over).toEqual([]);
}

export async function shot(page: Page, view: string, look: Look) {
  await page.screenshot({ path: `${process.env.TRADEWIND_BUILD}/screenshots/${view}-${look.theme}-${look.language}-${look.width}.png` });
}

export async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const r = await fetch(base + path, { method, headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" }, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await r.text();
  if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${text}`);
  return (text ? JSON.parse(text) : undefined) as T;
}

/** All that is wrong of all views is told, not of the first alone. */
export async function all<T>(list: readonly T[], name: (x: T) => string, fn: (x: T) => Promise<void>) {
  const wrong: string[] = [];
  for (const x of list) await test.step(name(x), () => fn(x).catch((e: unknown) => void wrong.push(`${name(x)}: ${String(e)}`)));
  expect(wrong.join("\n\n")).toBe("");
}
