// The first view may not grow without notice: compressed scripts that a first visit to each of the views below loads, from Vite's manifest.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const LIMIT = 250_000;
const out = process.env.TRADEWIND_UI_OUT ?? "dist";
const manifest = JSON.parse(readFileSync(join(out, "manifest.json"), "utf8"));
const views = ["index.html", "src/views/home/HomeView.tsx", "src/views/dags/DagsView.tsx"];

function files(name, seen = new Set()) {
  const chunk = manifest[name];
  if (!chunk) throw new Error(`${name}: not in the manifest`);
  if (seen.has(chunk.file)) return seen;
  seen.add(chunk.file);
  for (const next of chunk.imports ?? []) files(next, seen);
  return seen;
}

const size = (file) => gzipSync(readFileSync(join(out, file)), { level: 9 }).length;
const base = files("index.html");
let worst = 0;
for (const view of views) {
  const all = new Set([...base, ...files(view)]);
  const bytes = [...all].filter((f) => f.endsWith(".js")).reduce((n, f) => n + size(f), 0);
  worst = Math.max(worst, bytes);
  console.log(`${(bytes / 1000).toFixed(1).padStart(7)} kB of compressed script: ${view}`);
}
if (worst > LIMIT) {
  console.error(`The first view is over its limit of ${LIMIT / 1000} kB.`);
  process.exit(1);
}
