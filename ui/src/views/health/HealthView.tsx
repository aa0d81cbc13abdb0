import { useQuery } from "@tanstack/react-query";
import { CircleAlert, CircleCheck, CircleDashed, CircleX } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { useEventStatus, useLive } from "@/api/events";
import { keys } from "@/api/keys";
import { useSession } from "@/api/session";
import type { Home } from "@/api/types";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Page, Panel, Skeleton } from "@/components/Page";
import { TimeText } from "@/components/TimeText";
import { cx } from "@/lib/cx";
import s from "./health.module.css";

interface Job {
  id: number;
  job_type: string;
  state: string | null;
  hostname: string | null;
  executor_class: string | null;
  start_date: string | null;
  latest_heartbeat: string | null;
}

interface Part {
  name: string;
  status: string | null;
  heartbeat: string | null;
  message: string | null;
}

const ORDER = ["metadatabase", "scheduler", "triggerer", "dag_processor"];

/** The parts of an answer about health: {scheduler: {status, latest_scheduler_heartbeat, message}, …}. */
export function partsOf(health: Home["health"] | undefined): Part[] {
  const all = Object.entries(health ?? {}).flatMap(([name, v]): Part[] => {
    if (typeof v !== "object" || v === null || !("status" in v)) return [];
    const beat = Object.entries(v).find(([k, x]) => k.endsWith("heartbeat") && x);
    return [{ name, status: v.status, heartbeat: beat?.[1] ?? null, message: v.message ?? null }];
  });
  const at = (n: string) => (ORDER.includes(n) ? ORDER.indexOf(n) : ORDER.length);
  return all.sort((a, b) => at(a.name) - at(b.name));
}

const icons = { healthy: CircleCheck, unhealthy: CircleX, degraded: CircleAlert, unknown: CircleDashed };
const kindOf = (status: string | null): keyof typeof icons => (status === "healthy" || status === "unhealthy" || status === "degraded" ? status : "unknown");

export default function HealthView() {
  const { t } = useTranslation("health");
  const { session } = useSession();
  const live = useEventStatus();
  const poll = Math.min(useLive(), 10_000);
  const health = useQuery({ queryKey: ["health"], queryFn: () => api.get<Home["health"]>("/api/v2/monitor/health"), refetchInterval: poll });
  const home = useQuery({ queryKey: keys.home, queryFn: () => api.get<Home>("/ui/home"), refetchInterval: poll });
  const jobs = useQuery({ queryKey: ["jobs"], queryFn: () => api.get<{ jobs: Job[] }>("/api/v2/jobs", { query: { limit: 100 } }), refetchInterval: poll });
  const parts = partsOf(home.data?.health ?? health.data);
  return (
    <Page title={t("title")} description={t("about")}>
      {health.error && home.error ? <ErrorState error={health.error} retry={health.refetch} /> : !parts.length ? <Panel><Skeleton rows={3} /></Panel> : (
        <ul className={s.parts}>
          {parts.map((p) => {
            const kind = kindOf(p.status), Icon = icons[kind];
            return (
              <li key={p.name} className={cx(s.part, s[kind])}>
                <Icon size={20} aria-hidden />
                <div>
                  <h2>{t(`part.${p.name}`, { defaultValue: p.name })}</h2>
                  <p className={s.status}>{t(`status.${kind}`)}</p>
                  {p.message && <p>{p.message}</p>}
                  {p.heartbeat && <p className="muted">{t("beat")} <TimeText time={p.heartbeat} /></p>}
                </div>
              </li>
            );
          })}
          <li className={cx(s.part, live === "live" ? s.healthy : s.unknown)}>
            {live === "live" ? <CircleCheck size={20} aria-hidden /> : <CircleDashed size={20} aria-hidden />}
            <div><h2>{t("part.events")}</h2><p className={s.status}>{t(`events.${live}`)}</p><p className="muted">Tradewind {session.version}</p></div>
          </li>
        </ul>
      )}
      <Panel title={t("jobs")} flush>
        {jobs.error ? <ErrorState error={jobs.error} retry={jobs.refetch} inline /> : !jobs.data ? <Skeleton rows={2} /> : !jobs.data.jobs.length ? <EmptyState icon={CircleDashed} title={t("no_jobs")}>{t("no_jobs_hint")}</EmptyState> : (
          <div className={s.scroll} tabIndex={0} role="region" aria-label={t("jobs")}>
            <table className="plain">
              <thead><tr>{["job", "state", "host", "pid", "executor", "start", "beat"].map((k) => <th key={k} scope="col">{t(`col.${k}`)}</th>)}</tr></thead>
              <tbody>{jobs.data.jobs.map((j) => (
                <tr key={`${j.job_type}${j.id}`}>
                  <td>{j.job_type.replace(/Job$/, "")}</td><td>{j.state === "running" ? t("running") : j.state}</td><td className="mono">{j.hostname ?? "–"}</td><td className="num">{j.id}</td><td className="muted">{j.executor_class ?? "–"}</td>
                  <td><TimeText time={j.start_date} /></td><td><TimeText time={j.latest_heartbeat} /></td>
                </tr>
              ))}</tbody>
            </table>
          </div>
        )}
      </Panel>
    </Page>
  );
}
