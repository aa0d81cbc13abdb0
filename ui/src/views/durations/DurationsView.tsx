import { useCallback, useMemo, useState } from "react";
import { ChartColumn } from "lucide-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useNavigate, useSearchParams } from "react-router-dom";
import { api, path } from "@/api/client";
import { keys } from "@/api/keys";
import { runHref, usePoll } from "@/api/runs";
import { stateOf } from "@/api/states";
import { useTimezone } from "@/app/timezone";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Select } from "@/components/Form";
import { Skeleton } from "@/components/Page";
import { StateBadge } from "@/components/StateBadge";
import { duration } from "@/lib/time";
import { useDagId } from "@/views/dag/DagFrame";
import Chart from "./Chart";
import { movingMedian, quantile } from "./stats";
import type { RunTime } from "./stats";
import s from "./Durations.module.css";

const SHOWN = ["success", "failed", "running"] as const;
const WINDOW = 7;

export default function DurationsView() {
  const { t } = useTranslation("durations");
  const dag = useDagId();
  const tz = useTimezone();
  const poll = usePoll();
  const navigate = useNavigate();
  const [params, setParams] = useSearchParams();
  const n = Number(params.get("n")) || 100;
  const q = useQuery({
    queryKey: keys.dagPart(dag, "durations", n),
    queryFn: () => api.get<{ runs: RunTime[] }>(path`/ui/dags/${dag}/durations`, { query: { n } }),
    placeholderData: keepPreviousData,
    refetchInterval: poll,
  });
  const [at, setAt] = useState<number | null>(null);
  const runs = useMemo(() => [...(q.data?.runs ?? [])].sort((a, b) => (a.run_after < b.run_after ? -1 : 1)), [q.data]);
  const labels = useMemo(() => runs.map((r) => tz.day(r.run_after).slice(5)), [runs, tz]);
  const times = useMemo(() => SHOWN.map((x) => ({ color: `--s-${x}`, values: runs.map((r) => (stateOf(r.state) === x ? r.run_s : null)) })), [runs]);
  const queue = useMemo(() => [{ color: "--s-queued", values: runs.map((r) => r.queued_s) }], [runs]);
  const usual = useMemo(() => ({ color: "--text-2", values: movingMedian(runs.map((r) => (r.state === "success" ? r.run_s : null)), WINDOW) }), [runs]);
  const open = useCallback((i: number) => runs[i] && navigate(runHref(dag, runs[i].run_id)), [runs, navigate, dag]);
  if (q.error && !q.data) return <ErrorState error={q.error} retry={q.refetch} />;
  if (!q.data) return <Skeleton rows={10} />;
  if (!runs.length) return <EmptyState icon={ChartColumn} title={t("no_runs")} />;
  const done = runs.flatMap((r) => (r.state === "success" && r.run_s !== null ? [r.run_s] : [])).sort((a, b) => a - b);
  const waits = runs.flatMap((r) => (r.queued_s !== null ? [r.queued_s] : [])).sort((a, b) => a - b);
  const ended = runs.filter((r) => r.state === "success" || r.state === "failed").length;
  const ok = runs.filter((r) => r.state === "success").length;
  const show = (v: number | null) => (v === null ? "–" : duration(v));
  const figures: [string, string][] = [
    [t("median"), show(quantile(done, 0.5))], [t("p95"), show(quantile(done, 0.95))], [t("longest"), show(done[done.length - 1] ?? null)],
    [t("wait"), show(quantile(waits, 0.5))], [t("success_rate"), ended ? `${((100 * ok) / ended).toFixed(ok === ended ? 0 : 1)} %` : "–"],
  ];
  const r = at === null ? null : runs[at];
  return (
    <>
      <div className={s.tools}>
        <Select aria-label={t("how_many")} value={n} onChange={(e) => setParams({ n: e.target.value }, { replace: true })}>
          {[...new Set([25, 50, 100, 250, 500, n])].sort((a, b) => a - b).map((x) => <option key={x} value={x}>{t("runs", { count: x })}</option>)}
        </Select>
        <div className={s.legend} aria-hidden>
          {SHOWN.filter((x) => runs.some((y) => stateOf(y.state) === x)).map((x) => <span key={x}><span className={s.swatch} style={{ background: `var(--s-${x})` }} />{t(`common:state.${x}`)}</span>)}
          <span><span className={s.line} style={{ borderColor: "var(--text-2)" }} />{t("usual", { count: WINDOW })}</span>
        </div>
      </div>
      <div className={s.figures}>{figures.map(([name, value]) => <div key={name} className={s.figure}><b className="num">{value}</b><span>{name}</span></div>)}</div>
      <section className={s.chart} aria-label={t("run_time")}>
        <h2>{t("run_time")}</h2>
        <div className={s.plot} role="img" aria-label={`${t("run_time")}. ${figures.map((f) => f.join(": ")).join(", ")}`}><Chart labels={labels} bars={times} line={usual} onHover={setAt} onPick={open} /></div>
        <p className={s.said}>{r && <><StateBadge state={r.state} /><span className="num">{tz.exact(r.run_after)}</span><span>{t("ran", { time: show(r.run_s) })}</span><span>{t("waited", { time: show(r.queued_s) })}</span></>}</p>
      </section>
      <section className={s.chart} aria-label={t("wait_time")}>
        <h2>{t("wait_time")}</h2>
        <div className={s.plot} style={{ minHeight: 160 }} role="img" aria-label={`${t("wait_time")}. ${figures[3]!.join(": ")}`}><Chart labels={labels} bars={queue} height={160} onHover={setAt} onPick={open} /></div>
      </section>
    </>
  );
}
