import { Database } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router-dom";
import { path } from "@/api/client";
import { useLive } from "@/api/events";
import { keys } from "@/api/keys";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Filters } from "@/components/Filters";
import { Page } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { Table } from "@/components/Table";
import type { Column } from "@/components/Table";
import { TagList } from "@/components/TagList";
import { TimeText } from "@/components/TimeText";
import { usePaged } from "@/lib/paged";
import { AssetTabs } from "./AssetTabs";
import { consumersOf, producersOf } from "./types";
import type { Asset } from "./types";
import s from "./assets.module.css";

export default function AssetsView() {
  const { t } = useTranslation("assets");
  const [params, setParams] = useSearchParams();
  const search = params.get("q") ?? "";
  const setSearch = (q: string) => setParams(q ? { q } : {}, { replace: true });
  const list = usePaged<Asset>([...keys.assets, "list"], "/api/v2/assets", "assets", { name_pattern: search && `%${search}%`, order_by: "name" }, { refetchInterval: useLive() });
  const columns: Column<Asset>[] = [
    { id: "name", header: t("name"), width: "minmax(10rem, 1.6fr)", cell: (a) => <div className={s.name}><Link to={path`/assets/${a.id}`} className="truncate">{a.name}</Link>{a.uri !== a.name && <span className="mono muted truncate">{a.uri}</span>}</div> },
    { id: "last", header: t("last"), width: "9rem", cell: (a) => <TimeText time={a.last_asset_event?.timestamp} empty={t("never")} /> },
    { id: "producers", header: t("producers"), width: "minmax(8rem, 1fr)", hide: "narrow", cell: (a) => <span className="truncate">{producersOf(a).map((p) => `${p.dag_id}.${p.task_id ?? ""}`).join(", ") || <span className="muted">{t("outside")}</span>}</span> },
    { id: "consumers", header: t("consumers"), width: "minmax(8rem, 1fr)", hide: "narrow", cell: (a) => <TagList tags={consumersOf(a)} max={3} to={(d) => path`/dags/${d}`} /> },
    { id: "group", header: t("group"), width: "6rem", hide: "medium", cell: (a) => <span className="muted">{a.group ?? ""}</span> },
  ];
  return (
    <Page title={t("title")} description={t("about")}>
      <AssetTabs />
      <Filters count={list.first ? undefined : t("count", { count: list.total })}><SearchField value={search} onChange={setSearch} label={t("search")} /></Filters>
      {list.error && !list.rows.length ? <ErrorState error={list.error} retry={list.refetch} /> : (
        <Table label={t("title")} columns={columns} rows={list.rows} rowKey={(a) => String(a.id)} rowHref={(a) => path`/assets/${a.id}`} rowHeight={52} loading={list.loading} hasMore={list.hasMore} loadMore={list.loadMore}
          empty={search ? <EmptyState title={t("none_found")} /> : <EmptyState icon={Database} title={t("none")}>{t("none_hint")}</EmptyState>} />
      )}
    </Page>
  );
}
