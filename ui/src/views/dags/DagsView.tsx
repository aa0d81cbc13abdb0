import { useCallback, useMemo } from "react";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Bell, FileWarning, Star, Workflow } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router-dom";
import { api, path } from "@/api/client";
import { useFavourite, usePause } from "@/api/dags";
import { useLive } from "@/api/events";
import { keys } from "@/api/keys";
import { useSession } from "@/api/session";
import type { DagPage, DagRow } from "@/api/types";
import { Button, IconButton } from "@/components/Button";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Switch } from "@/components/Form";
import { Page } from "@/components/Page";
import { RunBars } from "@/components/RunBars";
import { SearchField } from "@/components/SearchField";
import { StateDot } from "@/components/StateDot";
import { Table } from "@/components/Table";
import type { Column } from "@/components/Table";
import { Segmented } from "@/components/Tabs";
import { TagList } from "@/components/TagList";
import { TimeText } from "@/components/TimeText";
import { cx } from "@/lib/cx";
import { TagFilter } from "./TagFilter";
import s from "./Dags.module.css";

const SHOWN = ["all", "active", "paused", "running", "failed", "favourite"] as const;
type Shown = (typeof SHOWN)[number];
const PAGE = 100;

function filters(shown: Shown) {
  switch (shown) {
    case "active": return { paused: false };
    case "paused": return { paused: true };
    case "running": return { state: "running" };
    case "failed": return { state: "failed" };
    case "favourite": return { favorite: true };
    default: return {};
  }
}

export default function DagsView() {
  const { t } = useTranslation("dags");
  const [params, setParams] = useSearchParams();
  const { may, session } = useSession();
  const search = params.get("q") ?? "";
  const tags = useMemo(() => params.getAll("tag"), [params]);
  const sort = params.get("sort") ?? "dag_id";
  const given = params.get("show") as Shown | null;
  const shown = given && SHOWN.includes(given) ? given : "all";
  const set = useCallback(
    (change: Record<string, string | string[] | null>) =>
      setParams((old) => {
        const next = new URLSearchParams(old);
        for (const [name, value] of Object.entries(change)) {
          next.delete(name);
          for (const v of Array.isArray(value) ? value : value ? [value] : []) next.append(name, v);
        }
        return next;
      }, { replace: true }),
    [setParams],
  );
  const query = { search, tags: tags.join(",") || undefined, order_by: sort, ...filters(shown) };
  const list = useInfiniteQuery({
    queryKey: [...keys.dags, "list", query],
    queryFn: ({ pageParam, signal }) => api.get<DagPage>("/ui/dags", { query: { ...query, limit: PAGE, cursor: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: useLive(session.poll),
  });
  const rows = useMemo(() => list.data?.pages.flatMap((p) => p.dags) ?? [], [list.data]);
  const total = list.data?.pages[0]?.total_entries;
  const pause = usePause();
  const favourite = useFavourite();
  const mayWrite = may("user");

  const columns = useMemo<Column<DagRow>[]>(
    () => [
      {
        id: "favourite", header: t("column.favourite"), headerHidden: true, width: "1.625rem", hide: "narrow",
        cell: (d) => (
          <IconButton
            icon={Star} small filled={d.favorite} aria-pressed={d.favorite} className={d.favorite ? s.star : s.noStar}
            label={d.favorite ? t("unfavourite") : t("favourite")} onClick={() => favourite.mutate({ dag: d.dag_id, favourite: !d.favorite })}
          />
        ),
      },
      { id: "dag", header: t("column.dag"), sort: "dag_id", width: "minmax(8.5rem, 3fr)", cell: (d) => <Name dag={d} /> },
      { id: "tags", header: t("column.tags"), hide: "medium", width: "minmax(8rem, 1.8fr)", cell: (d) => <TagList tags={d.tags} max={2} to={(tag) => `/dags?tag=${encodeURIComponent(tag)}`} /> },
      { id: "schedule", header: t("column.schedule"), hide: "narrow", width: "minmax(6.5rem, 1fr)", cell: (d) => <Schedule dag={d} /> },
      { id: "next", header: t("column.next"), hide: "narrow", width: "7rem", cell: (d) => (d.paused ? <span className="muted">–</span> : <TimeText time={d.next_run} />) },
      { id: "last", header: t("column.last"), sort: "last_run", hide: "medium", width: "8.5rem", cell: (d) => <Last dag={d} /> },
      { id: "runs", header: t("column.runs"), width: "6.875rem", align: "end", cell: (d) => <RunBars dag={d.dag_id} runs={d.recent} /> },
      {
        id: "paused", header: t("column.paused"), headerHidden: true, width: "1.875rem",
        cell: (d) => (
          <Switch
            checked={!d.paused} disabled={!mayWrite} label={t(d.paused ? "resume_label" : "pause_label", { dag: d.dag_id })}
            onChange={(on) => pause.mutate({ dag: d.dag_id, paused: !on })}
          />
        ),
      },
    ],
    [t, favourite, pause, mayWrite],
  );

  const filtered = search !== "" || tags.length > 0 || shown !== "all";
  const { fetchNextPage } = list;
  const more = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  return (
    <Page
      title={t("title")}
      heading={<>{t("title")}{total !== undefined && <span className={cx(s.total, "num")}>{total.toLocaleString()}</span>}</>}
    >
      <div className={s.filters}>
        <SearchField value={search} onChange={(q) => set({ q })} label={t("search")} />
        <TagFilter chosen={tags} onChange={(list) => set({ tag: list })} />
        <div className={s.segments}>
          <Segmented label={t("show.label")} value={shown} onChange={(v) => set({ show: v === "all" ? null : v })} options={SHOWN.map((v) => ({ value: v, label: t(`show.${v}`) }))} />
        </div>
      </div>
      {list.error && !list.data ? (
        <ErrorState error={list.error} what={t("failed")} retry={list.refetch} />
      ) : (
        <div className={cx(list.isPlaceholderData && s.stale)}>
          <Table
            label={t("title")}
            columns={columns}
            rows={rows}
            rowKey={(d) => d.dag_id}
            rowHeight={46}
            rowHref={(d) => path`/dags/${d.dag_id}`}
            sort={sort}
            onSort={(order) => set({ sort: order === "dag_id" ? null : order })}
            hasMore={list.hasNextPage}
            loading={list.isFetchingNextPage || list.isPending}
            loadMore={more}
            rowKeys={(d) => ({
              ...(mayWrite && { p: () => pause.mutate({ dag: d.dag_id, paused: !d.paused }) }),
              s: () => favourite.mutate({ dag: d.dag_id, favourite: !d.favorite }),
            })}
            empty={
              filtered ? (
                <EmptyState icon={Workflow} title={t("none_found")} action={<Button small onClick={() => set({ q: null, tag: null, show: null })}>{t("clear_filters")}</Button>} />
              ) : (
                <EmptyState icon={Workflow} title={t("none")}>{t("none_text")}</EmptyState>
              )
            }
          />
        </div>
      )}
    </Page>
  );
}

function Name({ dag }: { dag: DagRow }) {
  const { t } = useTranslation("dags");
  return (
    <div className={s.name}>
      <div className={s.nameLine}>
        <Link to={path`/dags/${dag.dag_id}`} className={cx(s.dag, dag.paused && s.paused)}>{dag.dag_id}</Link>
        {dag.import_error && <Link to="/import-errors" className={s.mark} aria-label={t("import_error")} data-tip={typeof dag.import_error === "string" ? dag.import_error : t("import_error")}><FileWarning size={14} className={s.bad} aria-hidden /></Link>}
        {dag.has_required_action && <Link to="/required-actions" className={s.mark} aria-label={t("required_action")} data-tip={t("required_action")}><Bell size={14} className={s.info} aria-hidden /></Link>}
        {dag.paused && <span className={s.chip}>{t("paused")}</span>}
      </div>
      {dag.description && <span className={s.description}>{dag.description}</span>}
    </div>
  );
}

function Schedule({ dag }: { dag: DagRow }) {
  const { t } = useTranslation("dags");
  if (!dag.schedule) return <span className="muted">{t("no_schedule")}</span>;
  return <span className={s.schedule} data-tip={dag.timezone && dag.timezone !== "UTC" ? `${dag.schedule}\n${dag.timezone}` : dag.schedule}>{dag.schedule}</span>;
}

function Last({ dag }: { dag: DagRow }) {
  const last = dag.recent[dag.recent.length - 1];
  if (!last) return <span className="muted">–</span>;
  return (
    <Link to={path`/dags/${dag.dag_id}/runs/${last.run_id}`} className={s.last}>
      <StateDot state={last.state} />
      <TimeText time={last.end_date ?? last.start_date} empty="" />
    </Link>
  );
}
