import { useMemo } from "react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { ScrollText } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router-dom";
import { api } from "@/api/client";
import { keys } from "@/api/keys";
import { taskHref, usePoll } from "@/api/runs";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Table } from "@/components/Table";
import type { Column } from "@/components/Table";
import { TimeText } from "@/components/TimeText";

interface EventLog {
  event_log_id: number;
  when: string;
  event: string;
  task_id: string | null;
  map_index: number | null;
  owner: string | null;
  extra: string | null;
}

const PAGE = 100;

export default function Events({ dag, run }: { dag: string; run: string }) {
  const { t } = useTranslation("run");
  const poll = usePoll();
  const q = useInfiniteQuery({
    queryKey: keys.runPart(dag, run, "events"),
    queryFn: ({ pageParam }) => api.get<{ event_logs: EventLog[]; total_entries: number }>("/api/v2/eventLogs", { query: { dag_id: dag, run_id: run, limit: PAGE, offset: pageParam, order_by: "-when" } }),
    initialPageParam: 0,
    getNextPageParam: (last, pages) => {
      const n = pages.reduce((a, p) => a + p.event_logs.length, 0);
      return last.event_logs.length && n < last.total_entries ? n : undefined;
    },
    refetchInterval: poll,
  });
  const rows = useMemo(() => q.data?.pages.flatMap((p) => p.event_logs) ?? [], [q.data]);
  const columns = useMemo<Column<EventLog>[]>(() => [
    { id: "when", header: t("event.when"), width: "11rem", cell: (r) => <TimeText time={r.when} mode="exact" /> },
    { id: "event", header: t("event.event"), width: "minmax(8rem,1fr)", cell: (r) => r.event },
    { id: "task", header: t("event.task"), width: "minmax(6rem,1fr)", cell: (r) => (r.task_id ? <Link to={taskHref(dag, run, r.task_id, r.map_index ?? -1)} className="truncate">{r.task_id}</Link> : ""), hide: "narrow" },
    { id: "who", header: t("event.who"), width: "8rem", cell: (r) => r.owner ?? "", hide: "medium" },
    { id: "extra", header: t("event.extra"), width: "minmax(6rem,2fr)", cell: (r) => <code className="muted">{r.extra ?? ""}</code>, hide: "narrow" },
  ], [t, dag, run]);
  if (q.error && !q.data) return <ErrorState error={q.error} retry={q.refetch} />;
  return (
    <Table
      label={t("events")} columns={columns} rows={rows} rowKey={(r) => String(r.event_log_id)} rowHeight={34} loading={q.isFetching} hasMore={q.hasNextPage} loadMore={() => void q.fetchNextPage()}
      empty={<EmptyState icon={ScrollText} title={t("no_events")} />}
    />
  );
}
