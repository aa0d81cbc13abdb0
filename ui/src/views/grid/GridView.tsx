import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { ChevronsDownUp, ChevronsUpDown, Grid3x3 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useNavigate, useSearchParams } from "react-router-dom";
import { RUN_STATES, TASK_STATES } from "@/api/states";
import { runHref, taskHref } from "@/api/runs";
import { Button, IconButton } from "@/components/Button";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Select } from "@/components/Form";
import { Skeleton } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { read, write } from "@/lib/storage";
import { useDagId } from "@/views/dag/DagFrame";
import { TaskPanel } from "@/views/task/TaskPanel";
import { visibleRows } from "./decode";
import type { Grid } from "./decode";
import { GridPane } from "./GridPane";
import { Mark } from "./marks";
import { gridFilter } from "./query";
import { useGrid } from "./useGrid";
import s from "./Grid.module.css";

const COUNTS = [10, 25, 50, 100, 200] as const;
const TYPES = ["manual", "scheduled", "backfill", "asset_triggered"] as const;

function readClosed(dag: string): Set<string> {
  try {
    return new Set(JSON.parse(read(`grid.closed.${dag}`) ?? "[]") as string[]);
  } catch {
    return new Set();
  }
}

/* What changed in the run that is looked at, for those who hear it: at most a sentence a second and a half. */
function useSpoken(grid: Grid | undefined, run: string | null): string {
  const { t } = useTranslation("grid");
  const [text, setText] = useState("");
  const last = useRef<{ run: string; cells: string } | null>(null);
  useEffect(() => {
    if (!grid?.runs.length) return;
    const at = run === null ? grid.runs.length - 1 : grid.runs.findIndex((r) => r.run_id === run);
    const r = grid.runs[at];
    if (!r) return;
    const cells = grid.cells[at]!, before = last.current;
    if (before?.run === r.run_id && before.cells === cells) return;
    const timer = window.setTimeout(() => {
      last.current = { run: r.run_id, cells };
      if (before?.run !== r.run_id || before.cells.length !== cells.length) return;
      const changed = grid.tasks.flatMap((task, i) => (!task.group && before.cells[i] !== cells[i] ? [`${task.label}: ${t(`common:state.${grid.states[cells[i]!]}`)}`] : []));
      if (changed.length) setText(changed.length > 3 ? t("many_changed", { count: changed.length }) : changed.join(", "));
    }, 1500);
    return () => window.clearTimeout(timer);
  }, [grid, run, t]);
  return text;
}

export default function GridView({ fixedRun }: { fixedRun?: string }) {
  // With the words of the panel: one that came later would hide the grid for a moment, and take the focus from it.
  const { t } = useTranslation(["grid", "task", "run"]);
  const dag = useDagId();
  const navigate = useNavigate();
  const [params, setParams] = useSearchParams();
  const filter = gridFilter(params), { runs } = filter;
  const words = params.get("q") ?? "";
  const [closed, setClosed] = useState(() => readClosed(dag));
  const q = useGrid(dag, filter);
  const grid = q.data;
  const set = useCallback(
    (change: Record<string, string | null>) => setParams((p) => {
      const next = new URLSearchParams(p);
      for (const [k, v] of Object.entries(change)) if (v === null || v === "") next.delete(k);
      else next.set(k, v);
      return next;
    }, { replace: true }),
    [setParams],
  );
  const close = useCallback(
    (next: Set<string>) => {
      setClosed(next);
      write(`grid.closed.${dag}`, next.size ? JSON.stringify([...next]) : null);
    },
    [dag],
  );
  const toggle = useCallback(
    (id: string) => setClosed((old) => {
      const next = new Set(old);
      if (!next.delete(id)) next.add(id);
      write(`grid.closed.${dag}`, next.size ? JSON.stringify([...next]) : null);
      return next;
    }),
    [dag],
  );
  const rows = useMemo(() => (grid ? visibleRows(grid, closed, words) : new Int32Array(0)), [grid, closed, words]);
  const run = params.get("run") ?? fixedRun ?? null, task = params.get("task");
  const newest = grid?.runs[grid.runs.length - 1]?.run_id ?? null;
  const shownRun = run ?? newest;
  const at = task === null || !grid ? -1 : (grid.row.get(task) ?? -1);
  const selected = useMemo(() => ({ run: shownRun, task }), [shownRun, task]);
  const select = useCallback((r: string, id: string | null) => set({ run: r, task: id }), [set]);
  const open = useCallback((r: string, id: string | null) => navigate(id === null ? runHref(dag, r) : taskHref(dag, r, id, -1)), [navigate, dag]);
  const spoken = useSpoken(grid, shownRun);
  const groups = useMemo(() => grid?.tasks.filter((x) => x.group).map((x) => x.id) ?? [], [grid]);
  const present = useMemo(() => {
    const seen = new Set<string>();
    for (const line of grid?.cells ?? []) for (const [letter, state] of Object.entries(grid!.states)) if (!seen.has(state) && line.includes(letter)) seen.add(state);
    return TASK_STATES.filter((x) => seen.has(x));
  }, [grid]);

  if (q.error && !grid) return <ErrorState error={q.error} retry={q.refetch} />;
  const item = at >= 0 ? grid!.tasks[at]! : null;
  return (
    <>
      <div className={s.tools}>
        <SearchField value={words} onChange={(v) => set({ q: v })} label={t("search")} />
        <Select aria-label={t("run_state")} value={params.get("state") ?? ""} onChange={(e) => set({ state: e.target.value })}>
          <option value="">{t("any_state")}</option>
          {RUN_STATES.map((x) => <option key={x} value={x}>{t(`common:state.${x}`)}</option>)}
        </Select>
        <Select aria-label={t("run_type")} value={params.get("run_type") ?? ""} onChange={(e) => set({ run_type: e.target.value })}>
          <option value="">{t("any_type")}</option>
          {TYPES.map((x) => <option key={x} value={x}>{t(`common:run_type.${x}`)}</option>)}
        </Select>
        <Select aria-label={t("how_many")} value={runs} onChange={(e) => { write("grid.runs", e.target.value); set({ n: e.target.value }); }}>
          {[...new Set([...COUNTS, runs])].sort((a, b) => a - b).map((n) => <option key={n} value={n}>{t("runs", { count: n })}</option>)}
        </Select>
        {groups.length > 0 && (
          <IconButton
            icon={closed.size ? ChevronsUpDown : ChevronsDownUp} label={closed.size ? t("open_all") : t("close_all")}
            onClick={() => close(closed.size ? new Set() : new Set(groups))}
          />
        )}
        {grid && grid.runs.length >= runs && <Button kind="ghost" onClick={() => set({ before: grid.runs[0]!.run_after })}>{t("older")}</Button>}
        {params.has("before") && <Button kind="ghost" onClick={() => set({ before: null })}>{t("newest")}</Button>}
      </div>
      <p role="status" className="sr-only">{spoken}</p>
      {!grid ? <Skeleton rows={12} /> : !grid.runs.length && !grid.tasks.length ? <EmptyState icon={Grid3x3} title={t("no_tasks")} /> : (
        <div className={s.layout}>
          <div className={s.frame}>
            <GridPane
              grid={grid} rows={rows} closed={closed} onToggle={toggle} selected={selected} onSelect={select} onOpen={open} searching={words !== ""}
              label={t("label", { dag })}
            />
            {!rows.length && <EmptyState title={t("nothing_found")} />}
            {!grid.runs.length && <EmptyState title={params.size ? t("no_such_runs") : t("no_runs")} />}
            {present.length > 0 && (
              <div className={s.legend} aria-hidden>
                {present.map((x) => <span key={x}><Mark state={x} />{t(`common:state.${x}`)}</span>)}
              </div>
            )}
          </div>
          {shownRun !== null && (
            <div className={s.side}>
              <TaskPanel
                key={`${shownRun}/${task ?? ""}`} dag={dag} run={shownRun} task={item ? task : null} kind={item?.group ? "group" : item?.mapped ? "mapped" : "task"}
                counts={at >= 0 ? grid.counts[shownRun]?.[at] : undefined} onClose={run !== null && !fixedRun || task !== null ? () => set({ run: null, task: null }) : undefined}
              />
            </div>
          )}
        </div>
      )}
    </>
  );
}
