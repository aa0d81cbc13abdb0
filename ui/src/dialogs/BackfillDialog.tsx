import { useState } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { History } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router-dom";
import { api, path } from "@/api/client";
import { dagChanged, useDag } from "@/api/dags";
import { keys } from "@/api/keys";
import { useTimezone } from "@/app/timezone";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Checkbox, Field, FieldRow, Input, Select, TextArea } from "@/components/Form";
import { Skeleton } from "@/components/Page";
import { Segmented } from "@/components/Tabs";
import { TimeText } from "@/components/TimeText";
import { toast } from "@/components/Toast";
import { parseObject } from "@/dialogs/schema";
import { fromLocal } from "@/dialogs/zoned";
import s from "./dialogs.module.css";

interface Props {
  dagId?: string; // none: the dialog asks for it
  onDone?: (id: number) => void;
  onClose: () => void;
}

interface DryRun {
  backfills: { logical_date: string | null; partition_key?: string | null }[];
  total_entries: number;
}

export interface BackfillBody {
  dag_id: string;
  from_date: string;
  to_date: string;
  run_backwards: boolean;
  dag_run_conf: Record<string, unknown>;
  reprocess_behavior: "none" | "failed" | "completed";
  max_active_runs: number;
  run_on_latest_version: boolean;
}

/** Runs of a range of the past. The runs that it will make are shown before it is made. */
export function BackfillDialog({ dagId, onDone, onClose }: Props) {
  const { t } = useTranslation("dialogs");
  const tz = useTimezone();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [chosen, setChosen] = useState(dagId ?? "");
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [order, setOrder] = useState<"forward" | "backward">("forward");
  const [again, setAgain] = useState<BackfillBody["reprocess_behavior"]>("none");
  const [most, setMost] = useState("10");
  const [conf, setConf] = useState("");
  const [newest, setNewest] = useState(true);
  const dags = useQuery({
    queryKey: [...keys.dags, "ids", chosen],
    queryFn: () => api.get<{ dags: { dag_id: string }[] }>("/api/v2/dags", { query: { limit: 50, dag_id_pattern: `%${chosen}%` } }),
    enabled: dagId === undefined,
    placeholderData: (old) => old,
  });
  const read = parseObject(conf);
  const confError = "error" in read ? t(`invalid.${read.error.code}`, read.error.args ?? {}) : null;
  const a = fromLocal(from, tz.zone), b = fromLocal(to, tz.zone);
  const n = Number(most);
  const rangeError = a && b && a > b ? t("backfill.wrong_range") : null;
  const mostError = Number.isInteger(n) && n >= 1 ? null : t("invalid.minimum", { n: 1 });
  const ready = Boolean(chosen && a && b && !rangeError && !mostError && !confError);
  const body: BackfillBody = {
    dag_id: chosen, from_date: a, to_date: b, run_backwards: order === "backward", dag_run_conf: "value" in read ? read.value : {},
    reprocess_behavior: again, max_active_runs: n, run_on_latest_version: newest,
  };
  const dry = useQuery({
    queryKey: keys.dagPart(chosen, "backfill-dry-run", body),
    queryFn: ({ signal }) => api.post<DryRun>("/api/v2/backfills/dry_run", body, { signal }),
    enabled: ready,
    retry: false,
    staleTime: 0,
    gcTime: 0,
  });
  const create = useMutation({
    mutationFn: () => api.post<{ id: number }>("/api/v2/backfills", body),
    onSuccess: (made) => {
      void client.invalidateQueries({ queryKey: ["backfills"] });
      dagChanged(client, chosen);
      toast.done(t("backfill.done", { dag: chosen }), made?.id ? { label: t("trigger.open"), fn: () => navigate(path`/backfills/${made.id}`) } : undefined);
      if (made?.id) onDone?.(made.id);
      onClose();
    },
  });
  const list = dry.data?.backfills ?? [];
  return (
    <Dialog
      open
      onClose={onClose}
      title={dagId === undefined ? t("backfill.title_new") : t("backfill.title", { dag: dagId })}
      size="large"
      locked={create.isPending}
      onSubmit={() => ready && list.length > 0 && !create.isPending && create.mutate()}
      footer={
        <>
          <span className={s.footNote} role="status">{ready && dry.data ? t("backfill.sum", { count: dry.data.total_entries }) : ""}</span>
          <Button onClick={onClose} disabled={create.isPending}>{t("common:cancel")}</Button>
          <Button type="submit" kind="primary" icon={History} busy={create.isPending} disabled={!ready || !list.length || dry.isFetching}>{t("backfill.action")}</Button>
        </>
      }
    >
      <div className={s.split}>
        <div>
          {dagId === undefined && (
            <Field label="DAG">
              {(p) => <>
                <Input {...p} className="mono" list="backfill-dags" data-autofocus value={chosen} onChange={(e) => setChosen(e.target.value)} />
                <datalist id="backfill-dags">{dags.data?.dags.map((d) => <option key={d.dag_id} value={d.dag_id} />)}</datalist>
              </>}
            </Field>
          )}
          <FieldRow>
            <Field label={t("backfill.from")} hint={t("trigger.zone", { zone: tz.zone })}>
              {(p) => <Input {...p} type="datetime-local" value={from} data-autofocus={dagId !== undefined || undefined} onChange={(e) => setFrom(e.target.value)} />}
            </Field>
            <Field label={t("backfill.to")} hint={t("backfill.to_hint")} error={rangeError}>
              {(p) => <Input {...p} type="datetime-local" value={to} onChange={(e) => setTo(e.target.value)} />}
            </Field>
          </FieldRow>
          <FieldRow>
            <Field label={t("backfill.reprocess")}>
              {(p) => (
                <Select {...p} value={again} onChange={(e) => setAgain(e.target.value as typeof again)}>
                  {(["none", "failed", "completed"] as const).map((v) => <option key={v} value={v}>{t(`backfill.reprocess_${v}`)}</option>)}
                </Select>
              )}
            </Field>
            <Field label={t("backfill.max_active")} error={mostError}>
              {(p) => <Input {...p} type="number" min={1} value={most} onChange={(e) => setMost(e.target.value)} />}
            </Field>
          </FieldRow>
          <div className={s.line}>
            <span>{t("backfill.order")}</span>
            <Segmented label={t("backfill.order")} value={order} onChange={setOrder} options={(["forward", "backward"] as const).map((v) => ({ value: v, label: t(`backfill.${v}`) }))} />
          </div>
          <Checkbox label={t("backfill.newest")} hint={t("backfill.newest_hint")} checked={newest} onChange={(e) => setNewest(e.target.checked)} />
          <details className={s.more}>
            <summary>{t("trigger.conf")}</summary>
            <Field label={t("trigger.conf")} error={confError} optional={t("common:optional")}>
              {(p) => <TextArea {...p} mono rows={5} placeholder="{}" value={conf} onChange={(e) => setConf(e.target.value)} />}
            </Field>
          </details>
          {create.error && <ErrorState error={create.error} inline />}
        </div>
        <section aria-label={t("backfill.preview")} className={s.preview}>
          <h3>{t("backfill.preview")}</h3>
          {!ready ? <p className="muted">{t("backfill.preview_wait")}</p>
            : dry.error ? <ErrorState error={dry.error} inline />
            : !dry.data ? <Skeleton rows={5} />
            : !list.length ? <EmptyState title={t("backfill.preview_none")}>{t("backfill.preview_none_hint")}</EmptyState>
            : (
              <ol tabIndex={0} aria-label={t("backfill.preview")}>
                {list.slice(0, 500).map((r, i) => <li key={i}><span className="muted num">{i + 1}</span><TimeText time={r.logical_date} mode="exact" /></li>)}
                {dry.data.total_entries > Math.min(500, list.length) && <li className="muted">{t("backfill.preview_more", { count: dry.data.total_entries - Math.min(500, list.length) })}</li>}
              </ol>
            )}
          {ready && <Paused dagId={chosen} />}
        </section>
      </div>
    </Dialog>
  );
}

/* A paused DAG's backfill waits: said here, or it looks as if nothing happened. */
function Paused({ dagId }: { dagId: string }) {
  const { t } = useTranslation("dialogs");
  const dag = useDag(dagId);
  return dag.data?.is_paused ? <p className={s.notice}>{t("backfill.paused")}</p> : null;
}
