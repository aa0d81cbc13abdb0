import { useState } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ArrowLeft, Play, RadioTower } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useParams } from "react-router-dom";
import { api, ApiError, path } from "@/api/client";
import { useLive } from "@/api/events";
import { keys } from "@/api/keys";
import { useSession } from "@/api/session";
import { Button } from "@/components/Button";
import { CodeView } from "@/components/CodeView";
import { Confirm } from "@/components/Confirm";
import { Dialog } from "@/components/Dialog";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Field, Input, TextArea } from "@/components/Form";
import { Facts, Page, Panel, Skeleton } from "@/components/Page";
import { StateDot } from "@/components/StateDot";
import { TimeText } from "@/components/TimeText";
import { toast } from "@/components/Toast";
import { parseObject } from "@/dialogs/schema";
import { usePaged } from "@/lib/paged";
import { consumersOf, producersOf } from "./types";
import type { Asset, AssetEvent, QueuedEvent } from "./types";
import s from "./assets.module.css";

export default function AssetView() {
  const { t } = useTranslation("assets");
  const id = useParams().asset ?? "";
  const { may } = useSession();
  const client = useQueryClient();
  const navigate = useNavigate();
  const live = useLive();
  const [creating, setCreating] = useState(false);
  const [making, setMaking] = useState(false);
  const asset = useQuery({ queryKey: [...keys.assets, id], queryFn: () => api.get<Asset>(path`/api/v2/assets/${id}`), refetchInterval: live });
  const queued = useQuery({
    queryKey: [...keys.assets, id, "queued"],
    queryFn: () => api.get<{ queued_events: QueuedEvent[] }>(path`/api/v2/assets/${id}/queuedEvents`).catch((e: unknown) => {
      if (e instanceof ApiError && e.status === 404) return { queued_events: [] }; // none wait
      throw e;
    }),
    refetchInterval: live,
  });
  const events = usePaged<AssetEvent>([...keys.assets, id, "events"], "/api/v2/assets/events", "asset_events", { asset_id: id, order_by: "-timestamp" }, { refetchInterval: live });
  const changed = () => client.invalidateQueries({ queryKey: keys.assets });
  const a = asset.data;
  if (asset.error) return <Page title={t("title")}><ErrorState error={asset.error} retry={asset.refetch} /></Page>;
  const waits = queued.data?.queued_events ?? [];
  return (
    <Page
      title={a?.name ?? t("title")}
      heading={<span className={s.heading}><Link to="/assets" aria-label={t("back")}><ArrowLeft size={16} aria-hidden /></Link>{a?.name ?? "…"}</span>}
      description={a && a.uri !== a.name ? <span className="mono">{a.uri}</span> : undefined}
      actions={a && may("user") && (
        <>
          {producersOf(a).length > 0 && <Button icon={Play} onClick={() => setMaking(true)}>{t("materialize")}</Button>}
          {may("op") && <Button icon={RadioTower} kind="primary" onClick={() => setCreating(true)}>{t("create_event")}</Button>}
        </>
      )}
    >
      {!a ? <Panel><Skeleton rows={4} /></Panel> : (
        <>
          <div className={s.cards}>
            <Panel title={t("producers")}>{producersOf(a).length ? <ul className={s.refs}>{producersOf(a).map((p) => <li key={`${p.dag_id}.${p.task_id}`}><Link to={path`/dags/${p.dag_id}`}>{p.dag_id}</Link><span className="mono muted">{p.task_id}</span></li>)}</ul> : <p className="muted">{t("outside_hint")}</p>}</Panel>
            <Panel title={t("consumers")}>
              {consumersOf(a).length ? <ul className={s.refs}>{consumersOf(a).map((d) => {
                const w = waits.find((x) => x.dag_id === d);
                return <li key={d}><Link to={path`/dags/${d}`}>{d}</Link>{w && <span className={s.waits}>{t("queued")} <TimeText time={w.created_at} /></span>}</li>;
              })}</ul> : <p className="muted">{t("nobody")}</p>}
              {(a.consuming_tasks ?? []).length > 0 && <p className="muted">{t("read_by")} {(a.consuming_tasks ?? []).map((x) => `${x.dag_id}.${x.task_id}`).join(", ")}</p>}
            </Panel>
            <Panel title={t("details")}><Facts items={[[t("group"), a.group || null], [t("created"), <TimeText key="c" time={a.created_at} />], [t("last"), <TimeText key="l" time={a.last_asset_event?.timestamp} empty={t("never")} />], a.extra && Object.keys(a.extra).length > 0 ? ["extra", <code key="e">{JSON.stringify(a.extra)}</code>] : null]} /></Panel>
          </div>
          <Panel title={t("events", { count: events.total })} flush={events.rows.length > 0}>
            {events.error ? <ErrorState error={events.error} retry={events.refetch} inline /> : events.first ? <Skeleton rows={4} /> : !events.rows.length ? <EmptyState icon={RadioTower} title={t("no_events")}>{t("no_events_hint")}</EmptyState> : (
              <ol className={s.events}>{events.rows.map((e) => <EventRow key={e.id} event={e} />)}</ol>
            )}
            {events.hasMore && <div className={s.more}><Button small onClick={events.loadMore} busy={events.loading}>{t("more")}</Button></div>}
          </Panel>
        </>
      )}
      {creating && a && <EventDialog asset={a} onClose={() => setCreating(false)} onDone={changed} />}
      {making && a && (
        <Confirm open title={t("materialize_title", { name: a.name })} action={t("materialize")} onClose={() => setMaking(false)} onConfirm={async () => {
          const run = await api.post<{ dag_id: string; dag_run_id: string }>(path`/api/v2/assets/${a.id}/materialize`);
          await changed();
          toast.done(t("materialized", { dag: run.dag_id }), { label: t("open"), fn: () => navigate(path`/dags/${run.dag_id}/runs/${run.dag_run_id}`) });
        }}><p>{t("materialize_about", { dag: producersOf(a).map((p) => p.dag_id).filter((d, i, l) => l.indexOf(d) === i).join(", ") })}</p></Confirm>
      )}
    </Page>
  );
}

function EventRow({ event: e }: { event: AssetEvent }) {
  const { t } = useTranslation("assets");
  const extra = e.extra && Object.keys(e.extra).length ? JSON.stringify(e.extra, null, 2) : "";
  return (
    <li>
      <TimeText time={e.timestamp} mode="exact" />
      <span className={s.source}>
        {e.source_dag_id && e.source_run_id ? <><Link to={path`/dags/${e.source_dag_id}/runs/${e.source_run_id}`}>{e.source_dag_id}</Link><span className="mono muted">{e.source_task_id}{e.source_map_index >= 0 ? `[${e.source_map_index}]` : ""}</span></> : <span className="muted">{t("by_hand")}</span>}
        {e.partition_key && <span className="mono">{e.partition_key}</span>}
      </span>
      <span className={s.runs}>{(e.created_dagruns ?? []).map((r) => <Link key={r.run_id} to={path`/dags/${r.dag_id}/runs/${r.run_id}`}><StateDot state={r.state} /> {r.dag_id}</Link>)}</span>
      {extra && <details className={s.extra}><summary>extra</summary><CodeView text={extra} syntax="json" label="extra" maxHeight="16rem" wrap /></details>}
    </li>
  );
}

function EventDialog({ asset, onClose, onDone }: { asset: Asset; onClose: () => void; onDone: () => unknown }) {
  const { t } = useTranslation(["assets", "dialogs"]);
  const [extra, setExtra] = useState("");
  const [partition, setPartition] = useState("");
  const read = parseObject(extra);
  const error = "error" in read ? t(`dialogs:invalid.${read.error.code}`, read.error.args ?? {}) : null;
  const make = useMutation({
    mutationFn: () => api.post("/api/v2/assets/events", { asset_id: asset.id, extra: "value" in read ? read.value : {}, ...(partition.trim() && { partition_key: partition.trim() }) }),
    onSuccess: async () => {
      await onDone();
      toast.done(t("event_created", { name: asset.name }));
      onClose();
    },
  });
  return (
    <Dialog open onClose={onClose} title={t("event_title", { name: asset.name })} locked={make.isPending} onSubmit={() => !error && make.mutate()} footer={
      <><Button onClick={onClose}>{t("common:cancel")}</Button><Button type="submit" kind="primary" busy={make.isPending} disabled={Boolean(error)} data-autofocus>{t("create_event")}</Button></>
    }>
      <p style={{ marginBottom: "var(--space-4)" }}>{consumersOf(asset).length ? t("event_about", { dags: consumersOf(asset).join(", ") }) : t("event_about_none")}</p>
      <Field label="extra (JSON)" error={error} optional={t("common:optional")}>{(p) => <TextArea {...p} mono rows={5} placeholder="{}" value={extra} onChange={(e) => setExtra(e.target.value)} />}</Field>
      <Field label={t("partition")} optional={t("common:optional")}>{(p) => <Input {...p} className="mono" value={partition} onChange={(e) => setPartition(e.target.value)} />}</Field>
      {make.error && <ErrorState error={make.error} inline />}
    </Dialog>
  );
}
