import { useCallback, useEffect, useMemo, useState } from "react";
import { ChevronsDownUp, ChevronsUpDown, Workflow } from "lucide-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router-dom";
import { useRecentRuns, useRunStates } from "@/api/runs";
import { useTimezone } from "@/app/timezone";
import { IconButton } from "@/components/Button";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Select } from "@/components/Form";
import { Skeleton } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { useDagId } from "@/views/dag/DagFrame";
import { TaskPanel } from "@/views/task/TaskPanel";
import { GraphPane } from "./GraphPane";
import { graphQuery } from "./query";
import { groupCounts } from "./states";
import s from "./Graph.module.css";

/** The graph, coloured by the newest run or a chosen one; on a run's page by that run. */
export default function GraphView({ fixedRun, version }: { fixedRun?: string; version?: number }) {
  // With the words of the panel, which is to come without hiding the graph.
  const { t } = useTranslation(["graph", "task", "run"]);
  const dag = useDagId();
  const tz = useTimezone();
  const [params, setParams] = useSearchParams();
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const set = useCallback(
    (change: Record<string, string | null>) => setParams((p) => {
      const next = new URLSearchParams(p);
      for (const [k, v] of Object.entries(change)) if (v === null || v === "") next.delete(k);
      else next.set(k, v);
      return next;
    }, { replace: true }),
    [setParams],
  );
  const recent = useRecentRuns(dag);
  const run = fixedRun ?? params.get("run") ?? recent.data?.[0]?.dag_run_id ?? null;
  const states = useRunStates(dag, run);
  // The current version's graph is asked for at once; a run of another version has another graph.
  const current = useQuery({ ...graphQuery(dag, undefined), enabled: version === undefined });
  const wanted = version ?? states.data?.version;
  const other = wanted !== undefined && wanted !== current.data?.version && (version !== undefined || !current.isPending);
  const own = useQuery({ ...graphQuery(dag, wanted), enabled: other });
  const graph = other ? own : current;
  const coloured = useColoured(recent.isPending || (run !== null && states.isPending));
  const task = params.get("task"), words = params.get("q") ?? "";
  const choose = useCallback((id: string | null) => set({ task: id }), [set]);
  const toggle = useCallback((id: string) => setClosed((old) => {
    const next = new Set(old);
    if (!next.delete(id)) next.add(id);
    return next;
  }), []);
  const groups = useMemo(() => graph.data?.nodes.filter((n) => n.kind === "group").map((n) => n.id) ?? [], [graph.data]);
  const node = task === null ? undefined : graph.data?.nodes.find((n) => n.id === task);
  const counts = useMemo(
    () => (!node || !states.data ? undefined : node.kind === "group" ? groupCounts(graph.data!.nodes, states.data.tasks).get(node.id) : states.data.tasks[node.id]?.n),
    [node, states.data, graph.data],
  );
  if (graph.error && !graph.data) return <ErrorState error={graph.error} retry={graph.refetch} />;
  const wordy = recent.data?.some((r) => r.dag_run_id === run) || !run;
  return (
    <>
      <div className={s.tools}>
        <SearchField value={words} onChange={(v) => set({ q: v })} label={t("search")} />
        {fixedRun === undefined && (recent.data?.length ?? 0) > 0 && (
          <Select aria-label={t("run")} value={run ?? ""} onChange={(e) => set({ run: e.target.value })}>
            {!wordy && <option value={run!}>{run}</option>}
            {recent.data!.map((r) => <option key={r.dag_run_id} value={r.dag_run_id}>{`${tz.exact(r.logical_date ?? r.run_after)} · ${t(`common:state.${r.state}`)}`}</option>)}
          </Select>
        )}
        {groups.length > 0 && (
          <IconButton
            icon={closed.size ? ChevronsUpDown : ChevronsDownUp} label={closed.size ? t("open_all") : t("close_all")}
            onClick={() => setClosed(closed.size ? new Set() : new Set(groups))}
          />
        )}
      </div>
      {!graph.data || !coloured ? <Skeleton rows={10} /> : !graph.data.nodes.length ? <EmptyState icon={Workflow} title={t("no_tasks")} /> : (
        <div className={s.layout}>
          <GraphPane
            key={graph.data.version} graph={graph.data} tasks={states.data?.tasks ?? null} chosen={task} onChoose={choose} words={words} closed={closed} onToggle={toggle}
            label={t("label", { dag })}
          />
          {node && run && node.kind !== "asset" && node.kind !== "alias" && (
            <div className={s.side}>
              <TaskPanel
                key={`${run}/${node.id}`} dag={dag} run={run} task={node.id} kind={node.kind === "group" ? "group" : node.mapped ? "mapped" : "task"} counts={counts}
                onClose={() => choose(null)}
              />
            </div>
          )}
        </div>
      )}
    </>
  );
}

const PATIENCE_MS = 150;

/** A graph is drawn once, with its colours; without them, if those take long. */
function useColoured(pending: boolean): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const id = window.setTimeout(() => setLate(true), PATIENCE_MS);
    return () => window.clearTimeout(id);
  }, []);
  return late || !pending;
}
