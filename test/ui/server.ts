/* A real `tradewind standalone` on a free port with a home of its own, for all tests; its address and first password go to them by the environment. */
import { spawn } from "node:child_process";
import { createWriteStream, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProvider } from "./provider";

const build = process.env.TRADEWIND_BUILD!;

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const s = createServer();
    s.once("error", reject);
    s.listen(0, "127.0.0.1", () => {
      const address = s.address();
      s.close(() => (address && typeof address === "object" ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}

async function until<T>(what: string, fn: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (let i = 0; i < 600; i++) {
    const v = await fn();
    if (v) return v;
    await new Promise((r) => setTimeout(r, 100));
  }
  throw new Error(`waited in vain for ${what}`);
}

export default async function start() {
  const folder = mkdtempSync(join(tmpdir(), "tradewind-ui-"));
  const home = join(folder, "home"), dags = join(folder, "dags");
  cpSync(join(__dirname, "dags"), dags, { recursive: true });
  const provider = await startProvider();
  mkdirSync(home);
  writeFileSync(join(home, "oidc.secret"), "a secret of two\n", { mode: 0o600 });
  writeFileSync(join(home, "tradewind.yaml"), JSON.stringify({ oidc: { issuer: provider.url, client_id: "tradewind", client_secret_file: "oidc.secret", name: "Our company", roles: { data: "user" }, default_role: "none" } }));
  const port = await freePort();
  const program = spawn(join(build, "src/tradewind"), ["standalone", "--home", home, "-S", dags, "--port", String(port), "-j", "4"], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, TRADEWIND__API__TEST_CONNECTION: "enabled" } });
  let log = "";
  const kept = createWriteStream(join(build, "meson-logs/ui-server.log")); // for those who ask why a test failed
  for (const stream of [program.stdout, program.stderr]) {
    stream.on("data", (d: Buffer) => {
      kept.write(d);
      if (!process.env.TRADEWIND_URL) log += d;
    });
  }
  const base = `http://127.0.0.1:${port}`;
  const stop = async () => {
    if (program.exitCode === null) {
      program.kill("SIGTERM");
      await new Promise((r) => (program.exitCode === null ? program.once("exit", r) : r(null)));
    }
    await provider.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    // As a person would: the address is read from what the program prints.
    await until("the address", () => log.includes(`web page    ${base}`) || undefined);
    await until("the first password", () => existsSync(join(home, "admin.password")) || undefined);
    const token = readFileSync(join(home, "api.token"), "utf8").trim();
    const ask = async (method: string, path: string, body?: unknown) =>
      fetch(base + path, { method, headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" }, body: body === undefined ? undefined : JSON.stringify(body) });
    await until("the DAGs", async () => {
      const r = await ask("GET", "/api/v2/dags/sales_daily");
      return r.ok || undefined;
    });
    for (const dag of ["sales_daily", "seoul_weather", "crm_import"]) {
      for (let i = 0; i < 4; i++) await ask("POST", `/api/v2/dags/${dag}/dagRuns`, { logical_date: null });
    }
    await until("the runs", async () => {
      const r = (await (await ask("GET", "/api/v2/dags/~/dagRuns?state=success&state=failed&limit=100")).json()) as { total_entries: number };
      return r.total_entries >= 12 || undefined;
    });
    await ask("PATCH", "/api/v2/dags/team_08.sync", { is_paused: true });
    process.env.TRADEWIND_URL = base;
    process.env.TRADEWIND_PROVIDER = provider.url;
    process.env.TRADEWIND_DAGS = dags;
    process.env.TRADEWIND_TOKEN = token;
    process.env.TRADEWIND_PASSWORD = readFileSync(join(home, "admin.password"), "utf8").trim().split(/\s+/).pop()!;
  } catch (e) {
    await stop();
    throw new Error(`${String(e)}\n${log}`);
  }
  return stop;
}
