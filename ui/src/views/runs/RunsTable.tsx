import { useCallback, useMemo } from "react";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { MessageSquareText } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router-dom";
import { api, path } from "@/api/client";
import { useLive } from "@/api/events";
import { keys } from "@/api/keys";
import { useSession } from "@/api/session";
import { isLive, RUN_STATES } from "@/api/states";
import type { DagRun } from "@/api/types";
import { Button } from "@/components/Button";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Select } from "@/components/Form";
import { SearchField } from "@/components/SearchField";
import { StateBadge } from "@/components/StateBadge";
import { Table } from "@/components/Table";
import type { Column } from "@/components/Table";
import { Segmented } from "@/components/Tabs";
import { Duration, TimeText } from "@/components/TimeText";
import s from "./Runs.module.css";

const PAGE = 100;
const TYPES = ["scheduled", "manual", "backfill", "asset_triggered"] as const;
interface Answer {
  dag_runs: DagRun[];
  total_entries: number;
}

/** The runs of one DAG, or of all: newest first. Filters stand in the address. */
export function RunsTable({ dag }: { dag?: string }) {
  const { t } = useTranslation("runs");
  const [params, setParams] = useSearchParams();
  const { session } = useSession();
  const state = params.get("state") ?? "", type = params.get("type") ?? "", q = params.get("q") ?? "", sort = params.get("sort") ?? "-run_after";
  const set = (name: string, value: string) =>
    setParams((old) => {
      const next = new URLSearchParams(old);
      if (value) next.set(name, value);
      else next.delete(name);
      return next;
    }, { replace: true });
  const query = {
    order_by: sort, state: state || undefined, run_type: type || undefined,
    run_id_pattern: dag && q ? `%${q}%` : undefined, dag_id_pattern: !dag && q ? `%${q}%` : undefined,
  };
  const list = useInfiniteQuery({
    queryKey: dag ? keys.dagPart(dag, "runs", query) : [...keys.dags, "runs", query],
    queryFn: ({ pageParam, signal }) => api.get<Answer>(path`/api/v2/dags/${dag ?? "~"}/dagRuns`, { query: { ...query, limit: PAGE, offset: pageParam }, signal }),
    initialPageParam: 0,
    getNextPageParam: (_last, pages) => {
      const n = pages.reduce((sum, p) => sum + p.dag_runs.length, 0);
      return n < (pages[0]?.total_entries ?? 0) && _last.dag_runs.length ? n : undefined;
    },
    placeholderData: keepPreviousData,
    refetchInterval: useLive(session.poll),
  });
  // Runs that began meanwhile shift the pages: the same run may come twice.
  const rows = useMemo(() => {
    const seen = new Set<string>();
    return (list.data?.pages.flatMap((p) => p.dag_runs) ?? []).filter((r) => {
      const key = `${r.dag_id} ${r.dag_run_id}`;
      return !seen.has(key) && seen.add(key);
    });
  }, [list.data]);

  const columns = useMemo<Column<DagRun>[]>(() => {
    const all: (Column<DagRun> | false)[] = [
      { id: "state", header: t("column.state"), width: "5.75rem", cell: (r) => <StateBadge state={r.state} /> },
      !dag && { id: "dag", header: t("column.dag"), width: "minmax(7rem, 1.2fr)", cell: (r) => <Link to={path`/dags/${r.dag_id}`} className={`${s.dag} truncate`}>{r.dag_id}</Link> },
      {
        id: "run", header: t("column.run"), width: "minmax(8rem, 3fr)", hide: "narrow",
        cell: (r) => (
          <span className={s.run}>
            <Link to={path`/dags/${r.dag_id}/runs/${r.dag_run_id}`} className="truncate">{r.dag_run_id}</Link>
            {r.note && <MessageSquareText size={13} aria-label={t("note")} data-tip={r.note} className={s.note} />}
          </span>
        ),
      },
      { id: "type", header: t("column.type"), width: "5.5rem", hide: "medium", cell: (r) => t(`common:run_type.${r.run_type}`, { defaultValue: r.run_type }) },
      { id: "after", header: t("column.after"), sort: "run_after", width: "minmax(6.75rem, 1fr)", hide: dag ? undefined : "narrow", cell: (r) => <Link to={path`/dags/${r.dag_id}/runs/${r.dag_run_id}`} className={s.after}><TimeText time={r.run_after} mode="short" /></Link> },
      { id: "start", header: t("column.start"), sort: "start_date", width: "7.5rem", hide: "medium", cell: (r) => <TimeText time={r.start_date} /> },
      { id: "duration", header: t("column.duration"), width: "4.75rem", align: "end", cell: (r) => <Duration start={r.start_date} end={r.end_date} live={isLive(r.state) && !!r.start_date} /> },
      !!dag && { id: "version", header: t("column.version"), width: "3.5rem", hide: "medium", align: "end", cell: (r) => { const v = r.dag_versions[r.dag_versions.length - 1]; return v ? <Link to={path`/dags/${r.dag_id}/code` + `?version=${v.version_number}`}>v{v.version_number}</Link> : "–"; } },
      { id: "by", header: t("column.by"), width: "6rem", hide: "medium", cell: (r) => r.triggering_user_name ?? r.triggered_by ?? "–" },
    ];
    return all.filter((c) => c !== false);
  }, [t, dag]);

  const filtered = !!(state || type || q);
  const { fetchNextPage } = list;
  const more = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  return (
    <>
      <div className={s.filters}>
        <SearchField value={q} onChange={(v) => set("q", v)} label={dag ? t("search_run") : t("search_dag")} />
        <div className={s.type}>
          <Select aria-label={t("column.type")} value={type} onChange={(e) => set("type", e.target.value)}>
            <option value="">{t("all_types")}</option>
            {TYPES.map((v) => <option key={v} value={v}>{t(`common:run_type.${v}`)}</option>)}
          </Select>
        </div>
        <div className={s.segments}>
          <Segmented
            label={t("column.state")} value={state} onChange={(v) => set("state", v)}
            options={[{ value: "", label: t("common:all") }, ...RUN_STATES.map((v) => ({ value: v as string, label: t(`common:state.${v}`) }))]}
          />
        </div>
        {list.data && <span className={s.total}>{t("total", { count: list.data.pages[0]?.total_entries ?? 0 })}</span>}
      </div>
      {list.error && !list.data ? (
        <ErrorState error={list.error} what={t("failed")} retry={list.refetch} />
      ) : (
        <Table
          label={t("title")}
          columns={columns}
          rows={rows}
          rowKey={(r) => `${r.dag_id} ${r.dag_run_id}`}
          rowHeight={38}
          rowHref={(r) => path`/dags/${r.dag_id}/runs/${r.dag_run_id}`}
          sort={sort}
          onSort={(order) => set("sort", order === "-run_after" ? "" : order)}
          hasMore={list.hasNextPage}
          loading={list.isFetchingNextPage || list.isPending}
          loadMore={more}
          empty={
            filtered ? (
              <EmptyState title={t("none_found")} action={<Button small onClick={() => setParams({}, { replace: true })}>{t("clear_filters")}</Button>} />
            ) : (
              <EmptyState title={t("none")}>{t("none_text")}</EmptyState>
            )
          }
        />
      )}
    </>
  );
}
