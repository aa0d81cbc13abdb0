import { useMemo } from "react";
import { ListChecks } from "lucide-react";
import type { UseQueryResult } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router-dom";
import { taskHref } from "@/api/runs";
import type { RunStates, TaskSum } from "@/api/runs";
import { isLive, stateOf, TASK_STATES } from "@/api/states";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Select } from "@/components/Form";
import { SearchField } from "@/components/SearchField";
import { StateBadge } from "@/components/StateBadge";
import { Table } from "@/components/Table";
import type { Column } from "@/components/Table";
import { Duration, TimeText } from "@/components/TimeText";
import { seconds } from "@/lib/time";
import s from "@/views/grid/Grid.module.css";

type Row = TaskSum & { id: string; at: number };

const time = (t: string | null) => (t ? Date.parse(t) : Infinity);
const ORDERS: Record<string, (a: Row, b: Row) => number> = {
  task: (a, b) => a.id.localeCompare(b.id),
  state: (a, b) => TASK_STATES.indexOf(stateOf(a.state) as never) - TASK_STATES.indexOf(stateOf(b.state) as never),
  started: (a, b) => time(a.start_date) - time(b.start_date),
  took: (a, b) => (seconds(a.start_date, a.end_date) ?? -1) - (seconds(b.start_date, b.end_date) ?? -1),
  try: (a, b) => a.try - b.try,
};

export function TasksTable({ dag, run, states }: { dag: string; run: string; states: UseQueryResult<RunStates> }) {
  const { t } = useTranslation(["run", "grid"]);
  const [params, setParams] = useSearchParams();
  const q = (params.get("q") ?? "").toLowerCase(), state = params.get("state") ?? "", sort = params.get("sort") ?? "";
  const set = (name: string, value: string) => setParams((old) => {
    const next = new URLSearchParams(old);
    if (value) next.set(name, value);
    else next.delete(name);
    return next;
  }, { replace: true });
  const rows = useMemo(() => {
    const all = Object.entries(states.data?.tasks ?? {}).map(([id, x], at): Row => ({ ...x, id, at }));
    const some = all.filter((r) => (!q || r.id.toLowerCase().includes(q)) && (!state || stateOf(r.state) === state || (r.n?.[state] ?? 0) > 0));
    const order = ORDERS[sort.replace(/^-/, "")];
    return order ? some.sort((a, b) => (sort.startsWith("-") ? -1 : 1) * order(a, b) || a.at - b.at) : some;
  }, [states.data, q, state, sort]);
  const columns = useMemo<Column<Row>[]>(() => [
    { id: "task", header: t("column.task"), width: "minmax(9rem, 2fr)", sort: "task", cell: (r) => <span className="inline-row"><Link to={taskHref(dag, run, r.id)} className="truncate">{r.id}</Link>{r.n && <span className="muted num">[{Object.values(r.n).reduce((a, b) => a + b, 0)}]</span>}</span> },
    { id: "state", header: t("column.state"), width: "10rem", sort: "state", cell: (r) => <StateBadge state={r.state} /> },
    { id: "started", header: t("column.started"), width: "11rem", sort: "started", cell: (r) => <TimeText time={r.start_date} mode="exact" />, hide: "medium" },
    { id: "took", header: t("column.took"), width: "6.5rem", align: "end", sort: "took", cell: (r) => <Duration start={r.start_date} end={r.end_date} live={isLive(r.state)} />, hide: "narrow" },
    { id: "try", header: t("column.try"), width: "4rem", align: "end", sort: "try", cell: (r) => <span className="num">{r.try || ""}</span>, hide: "narrow" },
    { id: "operator", header: t("column.operator"), width: "minmax(6rem, 1fr)", cell: (r) => <span className="muted">{r.operator}</span>, hide: "narrow" },
  ], [t, dag, run]);
  if (states.error && !states.data) return <ErrorState error={states.error} retry={states.refetch} />;
  return (
    <>
      <div className={s.tools}>
        <SearchField value={params.get("q") ?? ""} onChange={(v) => set("q", v)} label={t("find_task")} />
        <Select aria-label={t("column.state")} value={state} onChange={(e) => set("state", e.target.value)}>
          <option value="">{t("grid:any_state")}</option>
          {TASK_STATES.map((x) => <option key={x} value={x}>{t(`common:state.${x}`)}</option>)}
        </Select>
      </div>
      <Table
        label={t("tasks")} columns={columns} rows={rows} rowKey={(r) => r.id} rowHref={(r) => taskHref(dag, run, r.id)} rowHeight={34} sort={sort} onSort={(o) => set("sort", o)}
        loading={states.isPending} empty={<EmptyState icon={ListChecks} title={t("no_tasks")} />}
      />
    </>
  );
}
