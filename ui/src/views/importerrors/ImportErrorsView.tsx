import { useState } from "react";
import { CircleCheck, FileWarning } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router-dom";
import { useLive } from "@/api/events";
import { keys } from "@/api/keys";
import { Button } from "@/components/Button";
import { CodeView } from "@/components/CodeView";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Filters } from "@/components/Filters";
import { Page, Panel, Skeleton } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { TimeText } from "@/components/TimeText";
import { usePaged } from "@/lib/paged";
import { whereOf } from "./where";
import s from "./importerrors.module.css";

interface ImportError {
  import_error_id: number;
  timestamp: string;
  filename: string;
  bundle_name: string | null;
  stack_trace: string;
}

export default function ImportErrorsView() {
  const { t } = useTranslation("importerrors");
  const [params] = useSearchParams();
  const [search, setSearch] = useState(params.get("file") ?? "");
  const list = usePaged<ImportError>([...keys.importErrors, "list"], "/api/v2/importErrors", "import_errors", { filename_pattern: search && `%${search}%` }, { refetchInterval: useLive() });
  return (
    <Page title={t("title")} description={t("about")}>
      <Filters count={list.first ? undefined : t("count", { count: list.total })}><SearchField value={search} onChange={setSearch} label={t("search")} /></Filters>
      {list.error ? <ErrorState error={list.error} retry={list.refetch} /> : list.first ? <Panel><Skeleton rows={4} /></Panel>
        : !list.rows.length ? (search ? <EmptyState icon={FileWarning} title={t("none_found")} /> : <EmptyState icon={CircleCheck} title={t("none")}>{t("none_hint")}</EmptyState>)
        : <ul className={s.list}>{list.rows.map((e) => <One key={e.import_error_id} error={e} open={list.total <= 3} />)}</ul>}
      {list.hasMore && <Button onClick={list.loadMore}>{t("more")}</Button>}
    </Page>
  );
}

function One({ error: e, open }: { error: ImportError; open: boolean }) {
  const { t } = useTranslation("importerrors");
  const { line, column, reason } = whereOf(e.stack_trace, e.filename);
  const slash = e.filename.lastIndexOf("/") + 1;
  return (
    <li className={s.one}>
      <div className={s.head}>
        <FileWarning size={16} aria-hidden className={s.icon} />
        <div>
          <h2 className="mono"><span className={s.folder}>{e.filename.slice(0, slash)}</span>{e.filename.slice(slash)}{line !== null && <span className={s.line}>:{line}{column !== null && `:${column}`}</span>}</h2>
          <p className={s.reason}>{reason}</p>
        </div>
        <p className="muted">{e.bundle_name} · <TimeText time={e.timestamp} /></p>
      </div>
      <details open={open}>
        <summary>{t("trace")}</summary>
        <CodeView text={e.stack_trace} label={t("trace")} maxHeight="24rem" wrap />
      </details>
    </li>
  );
}
