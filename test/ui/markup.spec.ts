/*
 * Every text that somebody else may have written, seen by somebody signed in: it is text wherever it stands. Each holds an element of its own name and a
 * handler; the page must show the characters, have none of the elements, and run nothing. What holds no markup by its rules is refused (the last test).
 */
import { expect, test } from "@playwright/test";
import type { Page } from "@playwright/test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { all, ask, base, open, settled } from "./help";
import { until } from "./seed";

const enc = encodeURIComponent;
/** Of one place: its name tells which one got through. */
const evil = (place: string) => `<img src=x onerror="window.evil='${place}'"><xevil_${place}>`;
const py = (place: string) => JSON.stringify(evil(place));

const DAG = `
from airflow.sdk import DAG, Asset, BaseOperatorLink, Label, Param, TaskGroup
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.providers.standard.operators.python import PythonOperator

class Bad(BaseOperatorLink):
    name = ${py("linkname")}
    def get_link(self, operator, *, ti_key):
        return "javascript:window.evil='link'"

class Good(BaseOperatorLink):
    name = ${py("linkname")}
    def get_link(self, operator, *, ti_key):
        return "https://example.com/" + ${py("linkaddress")}

class Linked(BashOperator):
    operator_extra_links = (Bad(), Good())

def values(ti):
    ti.xcom_push(key=${py("xcomkey")}, value={"a": ${py("xcomvalue")}})
    return ${py("xcomresult")}

# ${evil("source")}
with DAG("markup", dag_display_name=${py("dagname")}, description=${py("description")}, doc_md=${py("docmd")}, tags=[${py("tag")}], schedule=None,
         params={"p": Param("x", title=${py("paramtitle")}, description=${py("paramtext")}, section=${py("paramsection")}),
                 "q": Param("v", enum=["v", ${py("paramchoice")}])}) as dag:
    with TaskGroup("g", tooltip=${py("tooltip")}):
        t = Linked(task_id="t", task_display_name=${py("taskname")}, owner=${py("owner")}, doc_md=${py("taskdoc")},
                   bash_command="printf '%s\\\\n' \\"$LINE\\"; printf '\\\\033]8;;javascript:window.evil=1\\\\007osc-link\\\\033]8;;\\\\007 \\\\033[31m%s\\\\033[0m\\\\n' \\"$RED\\"",
                   env={"LINE": ${py("logline")}, "RED": ${py("logred")}, "RENDERED": "{{ dag_run.conf['c'] }}"}, append_env=True,
                   outlets=[Asset(name=${py("assetname")}, uri="s3://markup/orders", group="g", extra={"e": ${py("assetextra")}})])
    v = PythonOperator(task_id="v", python_callable=values)
    t >> Label(${py("label")}) >> v
    m = BashOperator.partial(task_id="m", map_index_template=${py("mapname")}).expand(bash_command=["true"])
    f = BashOperator(task_id="f", bash_command="echo " + ${JSON.stringify(`'${"ERROR "}'`)} + "; exit 1")
    HITLOperator(task_id="ask", subject=${py("subject")}, body=${py("body")}, options=[${py("option")}, "b"], params={"h": Param("", type="string", description=${py("hitlparam")})})
`;
const BROKEN_NAME = `<img src=x onerror="window.evil='filename'"><xevil_filename>.py`;
const BROKEN = `# airflow DAG\nraise ValueError(${py("importerror")})\n`;
const run = "markup_run";
const at = `/api/v2/dags/markup/dagRuns/${run}`;
let asset = 0, token = "", files: string[] = [];

test.beforeAll(async () => {
  files = [["markup.py", DAG], [BROKEN_NAME, BROKEN]].map(([name, text]) => {
    const file = join(process.env.TRADEWIND_DAGS!, name!);
    writeFileSync(file, text!);
    return file;
  });
  await until("the DAG", () => ask("GET", "/api/v2/dags/markup").then(() => true, () => false));
  await ask("POST", "/api/v2/pools", { name: evil("poolname"), slots: 1, description: evil("pooltext") });
  await ask("POST", "/api/v2/variables", { key: evil("variablekey"), value: evil("variable"), description: evil("variabletext") });
  await ask("POST", "/api/v2/connections", { connection_id: evil("connid"), conn_type: evil("conntype"), host: evil("connhost"), login: evil("connlogin"), schema: evil("connschema"), description: evil("conntext"), extra: JSON.stringify({ a: evil("connextra") }) });
  await ask("POST", "/ui/users", { name: "markup-user", role: "viewer", first_name: evil("firstname"), last_name: evil("lastname"), email: evil("email") });
  token = (await ask<{ id: string }>("POST", "/ui/tokens", { name: "markup-token", role: "viewer" })).id;
  await ask("POST", "/api/v2/dags/markup/dagRuns", { dag_run_id: run, logical_date: null, conf: { c: evil("conf") }, note: evil("runnote") });
  await until("the question", async () => (await ask<{ total_entries: number }>("GET", `${at}/hitlDetails`)).total_entries === 1);
  await until("its tasks", async () => (await ask<{ task_instances: { task_id: string; state: string | null }[] }>("GET", `${at}/taskInstances`)).task_instances.every((t) => t.task_id === "ask" || /success|failed/.test(t.state ?? "")));
  await ask("PATCH", `${at}/taskInstances/g.t`, { note: evil("tasknote") });
  asset = (await ask<{ assets: { id: number; uri: string }[] }>("GET", "/api/v2/assets?limit=100")).assets.find((a) => a.uri === "s3://markup/orders")!.id;
  await ask("POST", "/api/v2/assets/events", { asset_id: asset, extra: { x: evil("eventextra") } });
  await until("the broken file", async () => (await ask<{ import_errors: { filename: string }[] }>("GET", "/api/v2/importErrors")).import_errors.some((e) => e.filename === BROKEN_NAME));
});

test.afterAll(async () => {
  // The other tests count what there is.
  for (const file of files) rmSync(file);
  await ask("PATCH", at, { state: "failed" });
  await until("no DAG", () => ask("DELETE", "/api/v2/dags/markup").then(() => true, (e: unknown) => / 404 /.test(String(e))));
  for (const path of [`/api/v2/pools/${enc(evil("poolname"))}`, `/api/v2/variables/${enc(evil("variablekey"))}`, `/api/v2/connections/${enc(evil("connid"))}`, "/ui/users/markup-user", `/ui/tokens/${token}`]) await ask("DELETE", path);
  await until("no import error", async () => (await ask<{ import_errors: { filename: string }[] }>("GET", "/api/v2/importErrors")).import_errors.every((e) => e.filename !== BROKEN_NAME));
});

/** What of the texts became part of the page: elements, links that run something, and what has run. */
const got = (page: Page) => page.evaluate(() => [
  ...[...document.querySelectorAll("*")].filter((e) => e.localName.startsWith("xevil_")).map((e) => e.localName),
  ...[...document.querySelectorAll("img[src='x'], [onerror]")].map((e) => e.outerHTML),
  ...[...document.querySelectorAll("a[href], form[action], iframe")].filter((e) => /^\s*javascript:/i.test(e.getAttribute("href") ?? e.getAttribute("action") ?? "")).map((e) => e.outerHTML),
  ...((window as unknown as { evil?: string }).evil ? [`ran: ${(window as unknown as { evil?: string }).evil}`] : []),
]);

const r = `/dags/markup/runs/${run}`;
/* Where, and the places whose text stands there. */
const VIEWS: [path: string, ...places: string[]][] = [
  ["/dags?q=markup", "description", "tag"],
  ["/dags/markup/details", "description", "tag", "docmd"],
  ["/dags/markup/grid"],
  ["/dags/markup/graph", "label"],
  ["/dags/markup/gantt"],
  ["/dags/markup/calendar"],
  ["/dags/markup/durations"],
  ["/dags/markup/process"],
  ["/dags/markup/runs"],
  ["/dags/markup/code", "source"],
  ["/dags/markup/required-actions", "subject", "body", "option"],
  ["/runs?q=markup"],
  [r, "runnote", "conf"],
  [`${r}/tasks/g.t/log`, "logline", "logred"],
  [`${r}/tasks/g.t/details`, "tasknote"],
  [`${r}/tasks/g.t/rendered`, "conf"],
  [`${r}/tasks/v/xcom`, "xcomkey", "xcomvalue", "xcomresult"],
  [`${r}/tasks/m`, "mapname"],
  [`${r}/tasks/ask`],
  ["/required-actions", "subject", "body", "option"],
  ["/pools", "poolname", "pooltext"],
  ["/variables", "variablekey", "variable", "variabletext"],
  ["/connections", "connid", "conntype", "connhost", "connlogin", "connschema", "conntext"],
  ["/users", "firstname", "lastname"],
  ["/tokens"],
  ["/audit", "firstname", "poolname"],
  ["/import-errors", "importerror", "filename"],
  ["/assets", "assetname"],
  ["/assets/ASSET", "assetname"],
  ["/assets/graph", "assetname"],
  [`/dags/${enc(evil("address"))}/grid`],
  [`/no/${enc(evil("address"))}`],
  [`/login?next=${enc(evil("next"))}`],
  [`/dags?q=${enc(evil("query"))}`],
];

test("texts of users are text in every view", async ({ browser }) => {
  const { context, page } = await open(browser);
  await all(VIEWS, (v) => v[0], async ([path, ...places]) => {
    await page.goto(base + path.replace("ASSET", String(asset)));
    await settled(page);
    for (const place of places) await expect(page.locator("body")).toContainText(`<xevil_${place}>`, { timeout: 15_000 });
    expect(await got(page)).toEqual([]);
  });
  await context.close();
});

test("texts of users are text in dialogs, menus and the search", async ({ browser }) => {
  const { context, page } = await open(browser);
  const shows = async (...places: string[]) => {
    for (const place of places) await expect(page.locator("body")).toContainText(`<xevil_${place}>`, { timeout: 15_000 });
    expect(await got(page)).toEqual([]);
  };
  await page.goto(`${base}/dags/markup/details`);
  await page.getByRole("button", { name: "Trigger", exact: true }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await shows("paramtitle", "paramtext", "paramsection", "paramchoice");
  await page.goto(`${base}/connections`);
  await page.getByRole("button", { name: `Edit ${evil("connid")}` }).click();
  await expect(page.getByRole("dialog").getByLabel("Host")).toHaveValue(evil("connhost"));
  await shows();
  await page.goto(`${base}/assets/${asset}`);
  await page.getByText("extra", { exact: true }).first().click();
  await shows("eventextra");
  await page.goto(base + r);
  await page.getByRole("button", { name: "Note", exact: true }).click();
  await expect(page.getByRole("dialog").getByRole("textbox")).toHaveValue(evil("runnote"));
  await shows();
  await page.goto(`${base}/`);
  await settled(page);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").or(page.getByRole("searchbox")).first().fill("markup");
  await expect(page.getByText("markup").first()).toBeVisible();
  await shows();
  await context.close();
});

test("what looks for markup finds it", async ({ browser }) => {
  const { context, page } = await open(browser);
  await page.goto(`${base}/pools`);
  await settled(page);
  expect(await got(page)).toEqual([]);
  await page.evaluate((html) => void (document.querySelector("main")!.innerHTML += html), evil("canary") + "<a href=' javascript:void 0'>x</a>");
  expect((await got(page)).join("\n")).toMatch(/^xevil_canary\n<img src="x"[^\n]*\n<a href=" javascript:/);
  // And what had become an element would still run nothing: the page's policy forbids it.
  await page.waitForTimeout(200);
  expect(await page.evaluate(() => (window as unknown as { evil?: string }).evil)).toBeUndefined();
  await context.close();
});

test("names that stand in addresses hold no markup", async () => {
  const name = `<xevil_id>`;
  for (const [path, body] of [
    ["/api/v2/dags/markup/dagRuns", { dag_run_id: name, logical_date: null }],
    ["/ui/users", { name, role: "viewer" }],
    ["/ui/tokens", { name, role: "viewer" }],
  ] as const) await expect(ask("POST", path, body)).rejects.toThrow(/: 422 /);
});
