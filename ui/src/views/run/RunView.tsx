/* One run: what it is, what became of its tasks, and the same as a grid, a graph, a Gantt chart, and what was recorded of it. */
import { lazy, Suspense, useMemo } from "react";
import { useQuery } from "@tanstack/react-query";
import { CalendarClock, Timer } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useNavigate, useParams } from "react-router-dom";
import { api, path } from "@/api/client";
import { useDag } from "@/api/dags";
import { useEvents } from "@/api/events";
import { keys } from "@/api/keys";
import { runHref, runPath, useRun, useRunStates } from "@/api/runs";
import type { DagRun } from "@/api/runs";
import { isLive, stateOf } from "@/api/states";
import { DagZoneProvider } from "@/app/timezone";
import { ErrorState } from "@/components/ErrorState";
import { Page, Skeleton } from "@/components/Page";
import { StateBadge } from "@/components/StateBadge";
import { LinkTabs } from "@/components/Tabs";
import { Duration, TimeText } from "@/components/TimeText";
import { NotFound } from "@/views/notfound/NotFound";
import { CountBar } from "@/views/task/CountBar";
import { Crumbs } from "@/views/task/Crumbs";
import { Actions } from "./actions";
import { RunFacts } from "./RunFacts";
import { TasksTable } from "./TasksTable";
import s from "@/views/task/Task.module.css";

const TABS = ["tasks", "grid", "graph", "gantt", "events"] as const;
const Grid = lazy(() => import("@/views/grid/GridView"));
const Graph = lazy(() => import("@/views/graph/GraphView"));
const Gantt = lazy(() => import("@/views/gantt/GanttChart").then((m) => ({ default: m.GanttChart })));
const Events = lazy(() => import("./Events"));

export default function RunView() {
  const { dag = "", run = "", "*": rest = "" } = useParams();
  const tab = rest || "tasks";
  const zone = useDag(dag);
  useEvents(useMemo(() => [`run:${dag}/${run}`], [dag, run]));
  if (!(TABS as readonly string[]).includes(tab)) return <NotFound />;
  return <DagZoneProvider zone={zone.data?.timezone}><One key={`${dag}/${run}`} dag={dag} run={run} tab={tab} /></DagZoneProvider>;
}

function useAssetEvents(dag: string, run: DagRun | undefined) {
  return useQuery({
    queryKey: keys.runPart(dag, run?.dag_run_id ?? "", "assets"),
    queryFn: () => api.get<{ asset_events: { id: number; uri?: string; name?: string; timestamp: string }[] }>(runPath(dag, run!.dag_run_id) + "/upstreamAssetEvents"),
    enabled: run?.run_type === "asset_triggered",
    retry: false,
  });
}

function One({ dag, run, tab }: { dag: string; run: string; tab: string }) {
  const { t } = useTranslation(["run", "task", "grid"]);
  const navigate = useNavigate();
  const q = useRun(dag, run);
  const states = useRunStates(dag, run);
  const assets = useAssetEvents(dag, q.data);
  const counts = useMemo(() => {
    const c: Record<string, number> = {};
    for (const x of Object.values(states.data?.tasks ?? {})) c[stateOf(x.state)] = (c[stateOf(x.state)] ?? 0) + 1;
    return c;
  }, [states.data]);
  const r = q.data;
  const heading = <Crumbs dag={dag} run={run} />;
  if (q.error && !r) return <Page title={run} heading={heading}><ErrorState error={q.error} retry={q.refetch} /></Page>;
  if (!r) return <Page title={run} heading={heading}><Skeleton rows={8} /></Page>;
  return (
    <Page title={`${dag} · ${run}`} wide heading={heading} actions={<Actions dag={dag} runIds={[run]} note={r.note} actions={isLive(r.state) ? undefined : ["clear", "mark", "note", "delete"]} onDeleted={() => void navigate(path`/dags/${dag}/runs`, { replace: true })} />}>
      <div className={s.head}>
        <StateBadge state={r.state} />
        <span>{t(`common:run_type.${r.run_type}`, { defaultValue: r.run_type })}</span>
        {r.logical_date && <span><CalendarClock size={14} aria-hidden /><span className="sr-only">{t("logical_date")}</span> <TimeText time={r.logical_date} mode="exact" focusable /></span>}
        <span>{t("started")} <TimeText time={r.start_date} mode="exact" focusable /></span>
        <span><Timer size={14} aria-hidden /><span className="sr-only">{t("took")}</span> <Duration start={r.start_date} end={r.end_date} live={isLive(r.state)} /></span>
        {r.note && <span><b>{r.note}</b></span>}
      </div>
      <CountBar counts={counts} />
      <LinkTabs label={t("tab.label")} tabs={TABS.map((x) => ({ to: runHref(dag, run, x === "tasks" ? "" : x), end: x === "tasks", label: t(`tab.${x}`) }))} />
      <Suspense fallback={<Skeleton rows={10} />}>
        {tab === "tasks" && (
          <>
            <TasksTable dag={dag} run={run} states={states} />
            <RunFacts run={r} assets={assets.data?.asset_events} />
          </>
        )}
        {tab === "grid" && <Grid fixedRun={run} />}
        {tab === "graph" && <Graph fixedRun={run} />}
        {tab === "gantt" && <Gantt dag={dag} run={run} live={isLive(r.state)} />}
        {tab === "events" && <Events dag={dag} run={run} />}
      </Suspense>
    </Page>
  );
}
