import { useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Layers, Pencil, Plus, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, path } from "@/api/client";
import { useLive } from "@/api/events";
import { keys } from "@/api/keys";
import { useSession } from "@/api/session";
import { Button, IconButton } from "@/components/Button";
import { Confirm } from "@/components/Confirm";
import { Dialog } from "@/components/Dialog";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Filters } from "@/components/Filters";
import { Checkbox, Field, Input } from "@/components/Form";
import { Page } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { Table } from "@/components/Table";
import type { Column } from "@/components/Table";
import { toast } from "@/components/Toast";
import { usePaged } from "@/lib/paged";
import s from "./pools.module.css";

export interface Pool {
  name: string;
  slots: number;
  description: string | null;
  include_deferred: boolean;
  occupied_slots: number;
  running_slots: number;
  queued_slots: number;
  scheduled_slots: number;
  deferred_slots: number;
  open_slots: number;
}

const UNLIMITED = -1;

export default function PoolsView() {
  const { t } = useTranslation("pools");
  const { may } = useSession();
  const client = useQueryClient();
  const [search, setSearch] = useState("");
  const [edited, setEdited] = useState<Pool | "new" | null>(null);
  const [gone, setGone] = useState<Pool | null>(null);
  const list = usePaged<Pool>(keys.settings("pools"), "/api/v2/pools", "pools", { pool_name_pattern: search && `%${search}%` }, { refetchInterval: Math.min(useLive(), 10_000) });
  const changed = () => client.invalidateQueries({ queryKey: keys.settings("pools") });
  const op = may("op");
  const columns: Column<Pool>[] = [
    { id: "name", header: t("name"), width: "minmax(6.5rem, 1.2fr)", cell: (p) => <div className={s.name}><span className="truncate">{p.name}</span>{p.description && <span className="muted truncate">{p.description}</span>}<div className={s.below}><Use pool={p} /></div></div> },
    { id: "use", header: t("use"), width: "minmax(4rem, 2fr)", hide: "narrow", cell: (p) => <Use pool={p} /> },
    { id: "slots", header: t("slots"), width: "3.25rem", align: "end", cell: (p) => <span className="num">{p.slots === UNLIMITED ? "∞" : p.slots}</span> },
    ...(["running", "queued", "scheduled", "deferred"] as const).map((k): Column<Pool> => ({ id: k, header: t(k), width: "5rem", align: "end", hide: k === "running" || k === "queued" ? "narrow" : "medium", cell: (p) => <Number_ n={p[`${k}_slots`]} /> })),
    ...(op ? [{
      id: "actions", header: t("actions"), headerHidden: true, width: "3.5rem", align: "end" as const,
      cell: (p: Pool) => (
        <span className="row-actions">
          <IconButton icon={Pencil} small label={t("edit", { name: p.name })} onClick={() => setEdited(p)} />
          {p.name !== "default_pool" && <IconButton icon={Trash2} small label={t("delete", { name: p.name })} onClick={() => setGone(p)} />}
        </span>
      ),
    }] : []),
  ];
  return (
    <Page title={t("title")} description={t("about")} actions={op && <Button kind="primary" icon={Plus} onClick={() => setEdited("new")}>{t("new")}</Button>}>
      <Filters count={list.first ? undefined : t("count", { count: list.total })}><SearchField value={search} onChange={setSearch} label={t("search")} /></Filters>
      {list.error && !list.rows.length ? <ErrorState error={list.error} retry={list.refetch} /> : (
        <>
          <Table label={t("title")} columns={columns} rows={list.rows} rowKey={(p) => p.name} rowHeight={52} loading={list.loading} hasMore={list.hasMore} loadMore={list.loadMore} empty={<EmptyState icon={Layers} title={t("none")} />} />
          <Legend />
        </>
      )}
      {edited && <PoolDialog pool={edited === "new" ? null : edited} onClose={() => setEdited(null)} onDone={changed} />}
      {gone && (
        <Confirm open danger title={t("delete", { name: gone.name })} action={t("common:delete")} onClose={() => setGone(null)} onConfirm={async () => {
          await api.delete(path`/api/v2/pools/${gone.name}`);
          await changed();
          toast.done(t("deleted", { name: gone.name }));
        }}><p>{t("delete_about")}</p></Confirm>
      )}
    </Page>
  );
}

function Number_({ n }: { n: number }) {
  return <span className={n ? "num" : "num muted"}>{n}</span>;
}

const PARTS = ["running", "queued", "deferred"] as const;

/* Slots as one bar: what runs, what is queued, what waits deferred (where that counts), what is free. */
function Use({ pool: p }: { pool: Pool }) {
  const { t } = useTranslation("pools");
  const parts = PARTS.map((k) => [k, k === "deferred" && !p.include_deferred ? 0 : p[`${k}_slots`]] as const);
  const used = parts.reduce((n, [, x]) => n + x, 0);
  const of = p.slots > 0 ? Math.max(p.slots, used) : Math.max(used, 1);
  const text = [...parts.filter(([, n]) => n).map(([k, n]) => `${t(k)} ${n}`), p.slots === UNLIMITED ? t("unlimited") : t("free", { count: Math.max(0, p.slots - used) })].join(" · ");
  return (
    <div className={s.use}>
      <div className={s.track} role="img" aria-label={text} data-tip={text}>
        {parts.map(([k, n]) => n > 0 && <span key={k} className={s[k]} style={{ width: `${(100 * n) / of}%` }} />)}
      </div>
      <span className="num muted">{p.slots > 0 ? `${Math.round((100 * used) / p.slots)} %` : used}</span>
    </div>
  );
}

function Legend() {
  const { t } = useTranslation("pools");
  return <p className={s.legend}>{PARTS.map((k) => <span key={k}><i className={s[k]} aria-hidden />{t(k)}</span>)}<span><i className={s.open} aria-hidden />{t("open")}</span></p>;
}

function PoolDialog({ pool, onClose, onDone }: { pool: Pool | null; onClose: () => void; onDone: () => unknown }) {
  const { t } = useTranslation("pools");
  const [name, setName] = useState(pool?.name ?? "");
  const [slots, setSlots] = useState(String(pool?.slots ?? 1));
  const [about, setAbout] = useState(pool?.description ?? "");
  const [deferred, setDeferred] = useState(pool?.include_deferred ?? false);
  const n = Number(slots), wrong = !/^-?\d+$/.test(slots.trim()) || n < UNLIMITED;
  const save = useMutation({
    mutationFn: () => pool
      ? api.patch(path`/api/v2/pools/${pool.name}`, pool.name === "default_pool" ? { slots: n, include_deferred: deferred } : { slots: n, description: about, include_deferred: deferred },
        { query: { update_mask: pool.name === "default_pool" ? ["slots", "include_deferred"] : ["slots", "description", "include_deferred"] } })
      : api.post("/api/v2/pools", { name: name.trim(), slots: n, description: about, include_deferred: deferred }),
    onSuccess: async () => {
      await onDone();
      toast.done(t("saved", { name: name.trim() }));
      onClose();
    },
  });
  return (
    <Dialog open onClose={onClose} size="small" title={pool ? t("edit", { name: pool.name }) : t("new")} locked={save.isPending} onSubmit={() => name.trim() && !wrong && save.mutate()} footer={
      <><Button onClick={onClose}>{t("common:cancel")}</Button><Button type="submit" kind="primary" busy={save.isPending} disabled={!name.trim() || wrong}>{t(pool ? "common:save" : "common:create")}</Button></>
    }>
      {!pool && <Field label={t("name")}>{(p) => <Input {...p} data-autofocus value={name} maxLength={256} onChange={(e) => setName(e.target.value)} />}</Field>}
      <Field label={t("slots")} hint={t("slots_hint")} error={wrong ? t("slots_wrong") : null}>{(p) => <Input {...p} data-autofocus={pool ? true : undefined} type="number" min={UNLIMITED} value={slots} onChange={(e) => setSlots(e.target.value)} />}</Field>
      {pool?.name !== "default_pool" && <Field label={t("description")} optional={t("common:optional")}>{(p) => <Input {...p} value={about} onChange={(e) => setAbout(e.target.value)} />}</Field>}
      <Checkbox label={t("include_deferred")} hint={t("include_deferred_hint")} checked={deferred} onChange={(e) => setDeferred(e.target.checked)} />
      {save.error && <ErrorState error={save.error} inline />}
    </Dialog>
  );
}
