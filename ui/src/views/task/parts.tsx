import { useQuery } from "@tanstack/react-query";
import { Braces, CheckCircle2, FileCode2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, path } from "@/api/client";
import { keys } from "@/api/keys";
import { tiPath } from "@/api/runs";
import type { TaskInstance } from "@/api/runs";
import { isLive } from "@/api/states";
import { CodeView } from "@/components/CodeView";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Facts, Panel, Skeleton } from "@/components/Page";
import { StateBadge } from "@/components/StateBadge";
import { Duration, TimeText } from "@/components/TimeText";
import { syntaxOf } from "@/lib/highlight";
import { ValueView } from "./ValueView";
import s from "./Task.module.css";

interface At { dag: string; run: string; task: string; index: number }

/* Links that operators give: those of a remote job, a dashboard. */
function useLinks({ dag, run, task, index }: At) {
  return useQuery({
    queryKey: [...keys.task(dag, run, task, index), "links"],
    queryFn: () => api.get<{ extra_links: Record<string, string | null> }>(tiPath(dag, run, task, -1, "/links"), { query: { map_index: index } }),
    retry: false,
  });
}

/** Only addresses of the web become links: what a task writes is not to be trusted. */
const safe = (url: string) => /^https?:\/\//i.test(url);

export function Details({ ti, tries }: { ti: TaskInstance; tries: TaskInstance[] }) {
  const { t } = useTranslation("task");
  const links = useLinks({ dag: ti.dag_id, run: ti.dag_run_id, task: ti.task_id, index: ti.map_index });
  const list = Object.entries(links.data?.extra_links ?? {}).filter((x): x is [string, string] => x[1] !== null && safe(x[1]));
  return (
    <>
      <Panel>
        <Facts items={[
          [t("fact.state"), <StateBadge key="s" state={ti.state} />],
          ti.state_reason ? [t("fact.reason"), ti.state_reason] : null,
          [t("fact.operator"), <code key="o">{ti.operator_name}</code>],
          [t("try"), ti.try_number ? t("try_of", { n: ti.try_number, max: ti.max_tries + 1 }) : "–"],
          [t("fact.scheduled"), <TimeText key="c" time={ti.scheduled_when} mode="exact" />],
          [t("queued"), <TimeText key="q" time={ti.queued_when} mode="exact" />],
          [t("started"), <TimeText key="b" time={ti.start_date} mode="exact" />],
          [t("ended"), <TimeText key="e" time={ti.end_date} mode="exact" />],
          [t("took"), <Duration key="d" start={ti.start_date} end={ti.end_date} live={isLive(ti.state)} />],
          [t("fact.waited"), <Duration key="w" start={ti.queued_when} end={ti.start_date} />],
          ti.map_index >= 0 ? [t("fact.map_index"), <span key="m" className="num">{ti.map_index}{ti.rendered_map_index ? ` · ${ti.rendered_map_index}` : ""}</span>] : null,
          [t("fact.pool"), <span key="p">{ti.pool}{ti.pool_slots > 1 ? ` (${t("fact.slots")}: ${ti.pool_slots})` : ""}</span>],
          [t("fact.priority"), <span key="y" className="num">{ti.priority_weight}</span>],
          [t("fact.queue"), ti.queue],
          [t("fact.worker"), ti.hostname],
          [t("fact.pid"), ti.pid === null ? "–" : <span key="n" className="num">{ti.pid}</span>],
          ti.dag_version ? [t("fact.version"), <span key="v" className="num">{ti.dag_version.version_number}</span>] : null,
          list.length ? [t("fact.links"), <span key="l">{list.map(([name, url]) => <a key={name} href={url} rel="noreferrer noopener" target="_blank">{name} </a>)}</span>] : null,
        ]} />
      </Panel>
      {tries.length > 1 && (
        <Panel title={t("tries")} flush>
          <div className={s.values} style={{ border: 0 }} tabIndex={0} role="region" aria-label={t("tries")}>
            <table>
              <thead><tr><th scope="col">{t("column.try")}</th><th scope="col">{t("column.state")}</th><th scope="col">{t("column.started")}</th><th scope="col">{t("column.took")}</th><th scope="col">{t("fact.reason")}</th></tr></thead>
              <tbody>
                {tries.map((x) => (
                  <tr key={x.try_number}>
                    <td className="num">{x.try_number}</td><td><StateBadge state={x.state} /></td><td><TimeText time={x.start_date} mode="exact" /></td>
                    <td><Duration start={x.start_date} end={x.end_date} live={isLive(x.state)} /></td><td>{x.state_reason ?? ""}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Panel>
      )}
    </>
  );
}

function syntaxOfField(name: string, text: string) {
  if (/sql|query/i.test(name)) return "sql" as const;
  if (/^\s*[[{]/.test(text)) return "json" as const;
  return syntaxOf(name);
}

export function Rendered({ ti }: { ti: TaskInstance }) {
  const { t } = useTranslation("task");
  const fields = Object.entries(ti.rendered_fields ?? {}).filter(([, v]) => v !== null && v !== "");
  if (!fields.length) return <EmptyState icon={FileCode2} title={t("no_rendered")} />;
  return (
    <div>
      {fields.map(([name, value]) => {
        const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
        return <div key={name} className={s.block}><h2 className="mono">{name}</h2><div className={s.code}><CodeView text={text} syntax={syntaxOfField(name, text)} label={name} maxHeight="28rem" /></div></div>;
      })}
    </div>
  );
}

interface XcomEntry { key: string; timestamp: string; map_index: number }

function Xcom({ at, entry }: { at: At; entry: XcomEntry }) {
  const { t } = useTranslation("task");
  const q = useQuery({
    queryKey: [...keys.task(at.dag, at.run, at.task, at.index), "xcom", entry.key],
    queryFn: () => api.get<{ value: unknown }>(tiPath(at.dag, at.run, at.task, -1, path`/xcomEntries/${entry.key}`), { query: { map_index: at.index } }),
  });
  return (
    <div className={s.block}>
      <h2><span className="mono">{entry.key}</span> <span className="muted"><TimeText time={entry.timestamp} /></span></h2>
      {q.error && !q.data ? <ErrorState error={q.error} retry={q.refetch} inline /> : !q.data ? <Skeleton rows={1} /> : <ValueView value={q.data.value} label={t("xcom_value", { key: entry.key })} />}
    </div>
  );
}

export function Xcoms(at: At) {
  const { t } = useTranslation("task");
  const q = useQuery({
    queryKey: [...keys.task(at.dag, at.run, at.task, at.index), "xcoms"],
    queryFn: () => api.get<{ xcom_entries: XcomEntry[] }>(tiPath(at.dag, at.run, at.task, -1, "/xcomEntries"), { query: { map_index: at.index, limit: 100 } }),
  });
  if (q.error && !q.data) return <ErrorState error={q.error} retry={q.refetch} />;
  if (!q.data) return <Skeleton rows={4} />;
  if (!q.data.xcom_entries.length) return <EmptyState icon={Braces} title={t("no_xcom")} />;
  return <div>{q.data.xcom_entries.map((x) => <Xcom key={x.key} at={at} entry={x} />)}</div>;
}

export function Dependencies({ dag, run, task, index, state }: At & { state: string | null }) {
  const { t } = useTranslation("task");
  const q = useQuery({
    queryKey: [...keys.task(dag, run, task, index), "dependencies"],
    queryFn: () => api.get<{ dependencies: { name: string; reason: string }[] }>(tiPath(dag, run, task, index, "/dependencies")),
    enabled: isLive(state),
  });
  if (!isLive(state)) return <EmptyState icon={CheckCircle2} title={t("not_live")} />;
  if (q.error && !q.data) return <ErrorState error={q.error} retry={q.refetch} />;
  if (!q.data) return <Skeleton rows={3} />;
  if (!q.data.dependencies.length) return <EmptyState icon={CheckCircle2} title={t("no_dependencies")} />;
  return <Panel title={t("waits_for")}><ul>{q.data.dependencies.map((d, i) => <li key={i}>{d.reason}</li>)}</ul></Panel>;
}
