import { useState } from "react";
import { ScrollText } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router-dom";
import { path } from "@/api/client";
import { Button } from "@/components/Button";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Filters } from "@/components/Filters";
import { Input, Select } from "@/components/Form";
import { Page, Panel, Skeleton } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { TimeText } from "@/components/TimeText";
import { cx } from "@/lib/cx";
import { usePaged } from "@/lib/paged";
import { changesOf, sidesOf } from "./changes";
import s from "./audit.module.css";

interface Entry {
  event_log_id: number;
  when: string;
  event: string;
  owner: string | null;
  subject?: string | null;
  dag_id: string | null;
  task_id: string | null;
  run_id: string | null;
  map_index: number | null;
  before?: unknown;
  after?: unknown;
  extra: string | null;
}

const SPANS = { day: 86_400_000, week: 7 * 86_400_000, month: 30 * 86_400_000 } as const;

export default function AuditView() {
  const { t } = useTranslation("audit");
  const [params, setParams] = useSearchParams();
  const get = (name: string) => params.get(name) ?? "";
  const set = (name: string, value: string) => setParams((p) => {
    if (value) p.set(name, value);
    else p.delete(name);
    return p;
  }, { replace: true });
  const span = get("since") as keyof typeof SPANS | "";
  const [since] = useState(() => Date.now());
  const list = usePaged<Entry>(["audit"], "/api/v2/eventLogs", "event_logs", {
    order_by: "-when", event_pattern: get("event") && `%${get("event")}%`, owner_pattern: get("owner") && `%${get("owner")}%`, dag_id_pattern: get("dag") && `%${get("dag")}%`,
    after: span && SPANS[span] ? new Date(since - SPANS[span]).toISOString() : undefined,
  });
  const filtered = ["event", "owner", "dag", "since"].some(get);
  return (
    <Page title={t("title")} description={t("about")}>
      <Filters count={list.first ? undefined : t("count", { count: list.total })}>
        <SearchField value={get("event")} onChange={(v) => set("event", v)} label={t("search_event")} />
        <Input aria-label={t("owner")} placeholder={t("owner")} value={get("owner")} onChange={(e) => set("owner", e.target.value)} />
        <Input aria-label="DAG" placeholder="DAG" value={get("dag")} onChange={(e) => set("dag", e.target.value)} />
        <Select aria-label={t("since")} value={span} onChange={(e) => set("since", e.target.value)}>
          <option value="">{t("ever")}</option>
          {Object.keys(SPANS).map((k) => <option key={k} value={k}>{t(`span.${k}`)}</option>)}
        </Select>
      </Filters>
      {list.error && !list.rows.length ? <ErrorState error={list.error} retry={list.refetch} /> : list.first ? <Panel><Skeleton rows={8} /></Panel>
        : !list.rows.length ? <EmptyState icon={ScrollText} title={t(filtered ? "none_found" : "none")} />
        : <ol className={s.list} aria-label={t("title")}>{list.rows.map((e) => <One key={e.event_log_id} entry={e} />)}</ol>}
      {list.hasMore && <p className={s.more}><Button onClick={list.loadMore} busy={list.loading}>{t("more")}</Button></p>}
    </Page>
  );
}

const FIRST = 4;

function One({ entry: e }: { entry: Entry }) {
  const { t } = useTranslation("audit");
  const [all, setAll] = useState(false);
  const { before, after } = sidesOf(e);
  const changes = changesOf(before, after);
  const shown = all ? changes : changes.slice(0, FIRST);
  return (
    <li className={s.one}>
      <TimeText time={e.when} mode="exact" />
      <span className={s.owner}>{e.owner ?? <span className="muted">–</span>}</span>
      <div className={s.what}>
        <p>
          <strong className={s.event}>{e.event}</strong>
          {e.dag_id && <> <Link to={path`/dags/${e.dag_id}`}>{e.dag_id}</Link></>}
          {e.dag_id && e.run_id && <> <Link to={path`/dags/${e.dag_id}/runs/${e.run_id}`} className="mono">{e.run_id}</Link></>}
          {e.task_id && <span className="mono"> {e.task_id}{(e.map_index ?? -1) >= 0 ? `[${e.map_index}]` : ""}</span>}
          {!e.dag_id && e.subject && <span className="mono"> {e.subject}</span>}
        </p>
        {changes.length > 0 && (
          <ul className={s.changes}>
            {shown.map((c) => (
              <li key={c.path}>
                {c.path && <span className={s.path}>{c.path}</span>}
                {c.before !== null && <del className={cx(s.value, s.del)}>{c.before}</del>}
                {c.before !== null && c.after !== null && <span className="muted" aria-hidden>→</span>}
                {c.after !== null && <ins className={cx(s.value, s.add)}>{c.after}</ins>}
              </li>
            ))}
          </ul>
        )}
        {changes.length > FIRST && <button type="button" className="linklike" aria-expanded={all} onClick={() => setAll(!all)}>{all ? t("less") : t("all_changes", { count: changes.length })}</button>}
      </div>
    </li>
  );
}
