import { History } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router-dom";
import { path } from "@/api/client";
import { useLive } from "@/api/events";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Table } from "@/components/Table";
import type { Column } from "@/components/Table";
import { TimeText } from "@/components/TimeText";
import { useTimezone } from "@/app/timezone";
import { usePaged } from "@/lib/paged";
import { PhaseBadge } from "./PhaseBadge";
import { Progress } from "./Progress";
import { phaseOf } from "./types";
import type { Backfill } from "./types";

export function BackfillList({ dagId, search }: { dagId?: string; search?: string }) {
  const { t } = useTranslation("backfills");
  const tz = useTimezone();
  const list = usePaged<Backfill>(["backfills", "list"], "/ui/backfills", "backfills", { dag_id: dagId, dag_id_pattern: search && `%${search}%` }, { refetchInterval: Math.min(useLive(), 15_000) });
  if (list.error && !list.rows.length) return <ErrorState error={list.error} retry={list.refetch} />;
  const range = (b: Backfill) => `${tz.day(b.from_date)} – ${tz.day(b.to_date)}`;
  const columns: Column<Backfill>[] = [
    ...(dagId === undefined ? [{ id: "dag", header: "DAG", width: "minmax(6rem, 1.2fr)", cell: (b: Backfill) => <Link to={path`/backfills/${b.id}`} className="truncate">{b.dag_id}</Link> }] : []),
    { id: "range", header: t("range"), width: "12.5rem", hide: dagId === undefined ? "narrow" : undefined, cell: (b) => (dagId === undefined ? <span className="num">{range(b)}</span> : <Link to={path`/backfills/${b.id}`} className="num">{range(b)}</Link>) },
    { id: "state", header: t("state"), width: "7rem", cell: (b) => <PhaseBadge phase={phaseOf(b)} /> },
    { id: "progress", header: t("progress"), width: "minmax(4.5rem, 1.6fr)", cell: (b) => <Progress backfill={b} /> },
    { id: "reprocess", header: t("reprocess"), width: "9rem", hide: "medium", cell: (b) => <span className="muted">{t(`reprocess_${b.reprocess_behavior}`)}</span> },
    { id: "created", header: t("created"), width: "8rem", hide: "medium", cell: (b) => <TimeText time={b.created_at} /> },
  ];
  return (
    <Table label={t("title")} columns={columns} rows={list.rows} rowKey={(b) => String(b.id)} rowHref={(b) => path`/backfills/${b.id}`} loading={list.loading} hasMore={list.hasMore} loadMore={list.loadMore}
      empty={search ? <EmptyState title={t("none_found")} /> : <EmptyState icon={History} title={t("none")}>{t("none_hint")}</EmptyState>} />
  );
}
