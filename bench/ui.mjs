// ui.mjs BASE ROUNDS: the measuring part of ui.py, in a browser. Time runs from a press on a link until the view is painted and answers a press.
import { createRequire } from "node:module";

const require = createRequire(new URL("../ui/package.json", import.meta.url));
const { chromium } = require("@playwright/test");
const [base, rounds] = [process.argv[2], Number(process.argv[3])];

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, reducedMotion: "reduce", bypassCSP: true, extraHTTPHeaders: { Authorization: `Bearer ${process.env.TOKEN}` } });
const page = await context.newPage();

/* Within the page: presses the link, then looks each frame; a frame after the one that has all is painted. */
const measure = (link, ready, press, answer) => page.evaluate(async ([link, ready, press, answer]) => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const until = async (text) => {
    const fn = new Function(`return (${text})`);
    for (let i = 0; i < 3600; i++) {
      if (fn()) return;
      await frame();
    }
    throw new Error(`in vain: ${text}`);
  };
  performance.clearResourceTimings();
  const start = performance.now();
  document.querySelector(link).click();
  await until(ready);
  await frame();
  const target = document.querySelector(press);
  for (const type of ["pointerdown", "pointerup", "click"]) target.dispatchEvent(new MouseEvent(type, { bubbles: true, cancelable: true }));
  await until(answer);
  await frame();
  const ms = performance.now() - start;
  const server = performance.getEntriesByType("resource").filter((r) => /\/ui\/dags\/.*\/(grid|graph)/.test(r.name)).reduce((n, r) => Math.max(n, r.responseEnd - r.requestStart), 0);
  return { ms, server };
}, [link, ready, press, answer]);

/* Seconds of processor that all of the browser's processes have used. */
const own = await browser.newBrowserCDPSession();
const cpu = async () => (await own.send("SystemInfo.getProcessInfo")).processInfo.reduce((n, p) => n + p.cpuTime, 0);

/* The last row that fits, the last run: in the page, with its mark. */
const GRID = `(() => {
  const box = document.querySelector("[role=treegrid]");
  if (!box) return false;
  const b = box.getBoundingClientRect(), cells = [...box.querySelectorAll("[role=gridcell]")];
  const low = cells.filter((c) => { const r = c.getBoundingClientRect(); return r.top < b.bottom && r.bottom >= b.bottom - 26; });
  return low.length > 0 && low.every((c) => c.firstElementChild) && cells.length > 100;
})()`;
/* Boxes with what is in them up to the right and the lower side of the window, and the lines between them. */
const GRAPH = `(() => {
  const plane = document.querySelector("[data-plane]"), boxes = [...plane?.querySelectorAll("[data-node]") ?? []];
  if (boxes.length < 50) return false;
  const b = plane.parentElement.getBoundingClientRect(), at = boxes.map((x) => x.getBoundingClientRect());
  const right = at.filter((r) => r.right > b.right - 200).length, low = at.filter((r) => r.bottom > b.bottom - 80).length;
  return right > 5 && low > 3 && boxes.every((x) => x.querySelector("svg")) && [...plane.querySelectorAll("g > path")].length > 0;
})()`;

const out = {};
async function rounds_(name, dag, tab, ready, press, answer) {
  out[name] = [];
  for (let i = 0; i <= rounds; i++) {
    await page.goto(`${base}/dags/${dag}/details`);
    await page.locator(`nav a[href="/dags/${dag}/${tab}"]`).waitFor();
    await page.waitForTimeout(700);
    const before = await cpu();
    const r = await measure(`nav a[href="/dags/${dag}/${tab}"]`, ready, press, answer);
    r.cpu = 1000 * ((await cpu()) - before);
    if (i > 0) out[name].push(r); // the first fills the browser's cache of files
  }
}
await rounds_("grid, {tasks} tasks by {runs} runs", "wide", "grid", GRID, "[role=gridcell]", `location.search.includes("task=") && document.querySelector("[role=gridcell][aria-selected=true]")`);
await rounds_("graph, {nodes} nodes", "deep", "graph", GRAPH, "[data-node]", `location.search.includes("task=")`);
console.log(JSON.stringify(out));
await browser.close();
