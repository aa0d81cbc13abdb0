/* What the settings, dialogs and lists have to show. Texts of users hold markup: it must be seen as text. */
import { ask } from "./help";

export const EVIL = `<img src=x onerror="window.evil=1"><script>window.evil=1</script>`;

async function quietly(method: string, path: string, body?: unknown) {
  try {
    return await ask<Record<string, unknown>>(method, path, body);
  } catch (e) {
    if (!/: 409 /.test(String(e))) throw e;
    return null; // it is there already
  }
}

export async function until<T>(what: string, fn: () => Promise<T | null | undefined | false>): Promise<T> {
  for (let i = 0; i < 600; i++) {
    const v = await fn();
    if (v) return v;
    await new Promise((r) => setTimeout(r, 100));
  }
  throw new Error(`waited in vain for ${what}`);
}

export interface Seed {
  asset: number;
  backfill: number;
}

let seed: Promise<Seed> | null = null;

/** Once for all tests. */
export function seeded(): Promise<Seed> {
  return (seed ??= make());
}

async function make(): Promise<Seed> {
  await quietly("POST", "/api/v2/pools", { name: "warehouse", slots: 8, description: `Queries of the warehouse ${EVIL}`, include_deferred: true });
  await quietly("POST", "/api/v2/pools", { name: "external-api", slots: 2, description: "At most two requests at once" });
  for (const [key, value, description] of [
    ["bucket", "s3://shop/raw", "Where files arrive"], ["markup", EVIL, EVIL], ["report_settings", '{"columns": ["day", "sum"], "limit": 20}', "Read by the report"], ["mail_password", "hunter2", null],
  ]) await quietly("POST", "/api/v2/variables", { key, value, description });
  await quietly("POST", "/api/v2/connections", { connection_id: "warehouse_db", conn_type: "postgres", host: "127.0.0.1", port: 9, login: "etl", password: "hunter2", schema: "sales", description: `The warehouse ${EVIL}`, extra: '{"sslmode": "require"}' });
  await quietly("POST", "/api/v2/connections", { connection_id: "shop_api", conn_type: "http", host: "https://shop.example.com", description: "Orders by REST" });
  await quietly("POST", "/ui/users", { name: "kim.minji", role: "user", first_name: "Minji", last_name: "Kim", email: "minji@example.com", read_tags: ["finance"], write_tags: ["finance"] });
  await until("questions", async () => (await ask<{ total_entries: number }>("GET", "/api/v2/dags/questions")) && true);
  const open = (await ask<{ required_actions: { task_id: string }[] }>("GET", "/ui/required-actions")).required_actions;
  if (!open.some((x) => x.task_id === "approve")) await quietly("POST", "/api/v2/dags/questions/dagRuns", { logical_date: null });
  const assets = await until("the asset", async () => {
    const a = (await ask<{ assets: { id: number; name: string }[] }>("GET", "/api/v2/assets")).assets.find((x) => x.name === "orders");
    return a;
  });
  await ask("POST", "/api/v2/assets/events", { asset_id: assets.id, extra: { rows: 1204, note: EVIL } });
  await quietly("POST", "/api/v2/dags/orders_load/dagRuns", { logical_date: null });
  const b = (await ask<{ backfills: { id: number; from_date: string }[] }>("GET", "/ui/backfills?dag_id=chain&limit=100")).backfills.find((x) => x.from_date.startsWith("2026-11-01"))
    ?? (await ask<{ id: number }>("POST", "/api/v2/backfills", { dag_id: "chain", from_date: "2026-11-01T00:00:00Z", to_date: "2026-11-12T00:00:00Z", max_active_runs: 4, run_backwards: false, dag_run_conf: {} }));
  await until("the backfill", async () => (await ask<{ completed_at: string | null }>("GET", `/ui/backfills/${b.id}`)).completed_at);
  await until("open questions", async () => (await ask<{ total_entries: number }>("GET", "/ui/required-actions")).total_entries >= 3);
  return { asset: assets.id, backfill: b.id };
}
