/* The instances of a mapped task: thousands, by pages, with a filter by state. */
import { useMemo, useState } from "react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Layers } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router-dom";
import { api } from "@/api/client";
import { keys } from "@/api/keys";
import { taskHref, tiPath, usePoll } from "@/api/runs";
import type { TaskInstance } from "@/api/runs";
import { isLive } from "@/api/states";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { StateBadge } from "@/components/StateBadge";
import { Table } from "@/components/Table";
import type { Column } from "@/components/Table";
import { Duration, TimeText } from "@/components/TimeText";
import { CountBar } from "./CountBar";

const PAGE = 100;

export default function Instances({ dag, run, task, counts }: { dag: string; run: string; task: string; counts: Record<string, number> }) {
  const { t } = useTranslation("task");
  const poll = usePoll();
  const [state, setState] = useState<string | null>(null);
  const q = useInfiniteQuery({
    queryKey: keys.runPart(dag, run, "instances", task, state),
    queryFn: ({ pageParam }) => api.get<{ task_instances: TaskInstance[]; total_entries: number }>(tiPath(dag, run, task, -1, "/listMapped"), { query: { limit: PAGE, offset: pageParam, state: state === "none" ? "no_status" : state } }),
    initialPageParam: 0,
    getNextPageParam: (last, pages) => {
      const n = pages.reduce((a, p) => a + p.task_instances.length, 0);
      return last.task_instances.length && n < last.total_entries ? n : undefined;
    },
    // Pages that were scrolled past are not all read again while it runs.
    refetchInterval: (x) => (x.state.data && x.state.data.pages.length > 5 ? false : poll),
  });
  const rows = useMemo(() => q.data?.pages.flatMap((p) => p.task_instances) ?? [], [q.data]);
  const columns = useMemo<Column<TaskInstance>[]>(() => [
    { id: "index", header: t("column.index"), width: "4.5rem", cell: (r) => <Link to={taskHref(dag, run, task, r.map_index)} className="num">{r.map_index}</Link> },
    { id: "label", header: t("column.label"), width: "minmax(6rem,1fr)", cell: (r) => r.rendered_map_index ?? "", hide: "narrow" },
    { id: "state", header: t("column.state"), width: "minmax(7rem, 10rem)", cell: (r) => <StateBadge state={r.state} /> },
    { id: "started", header: t("column.started"), width: "11rem", cell: (r) => <TimeText time={r.start_date} mode="exact" />, hide: "medium" },
    { id: "took", header: t("column.took"), width: "6rem", align: "end", cell: (r) => <Duration start={r.start_date} end={r.end_date} live={isLive(r.state)} />, hide: "narrow" },
    { id: "try", header: t("column.try"), width: "3.5rem", align: "end", cell: (r) => <span className="num">{r.try_number || ""}</span>, hide: "narrow" },
  ], [t, dag, run, task]);
  if (q.error && !q.data) return <ErrorState error={q.error} retry={q.refetch} />;
  return (
    <>
      <CountBar counts={counts} picked={state} onPick={setState} />
      <Table
        label={t("tab.mapped")} columns={columns} rows={rows} rowKey={(r) => String(r.map_index)} rowHref={(r) => taskHref(dag, run, task, r.map_index)} rowHeight={34}
        loading={q.isFetching} hasMore={q.hasNextPage} loadMore={() => void q.fetchNextPage()} empty={<EmptyState icon={Layers} title={state ? t("no_such") : t("no_instances")} />}
      />
    </>
  );
}
