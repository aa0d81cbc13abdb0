import { useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, path } from "@/api/client";
import { keys } from "@/api/keys";
import type { DagDetails, DagRun } from "@/api/types";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { ErrorState } from "@/components/ErrorState";
import { Field, Input, TextArea } from "@/components/Form";
import { toast } from "@/components/Toast";

function parse(text: string): Record<string, unknown> | null {
  try {
    const v: unknown = JSON.parse(text || "{}");
    return v !== null && typeof v === "object" && !Array.isArray(v) ? (v as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Starts a run now, with a configuration. */
export function TriggerDialog({ open, onClose, dag }: { open: boolean; onClose: () => void; dag: DagDetails }) {
  return open ? <Form onClose={onClose} dag={dag} /> : null;
}

function Form({ onClose, dag }: { onClose: () => void; dag: DagDetails }) {
  const { t } = useTranslation("trigger");
  const client = useQueryClient();
  const defaults = dag.params && Object.keys(dag.params).length ? JSON.stringify(Object.fromEntries(Object.entries(dag.params).map(([k, v]) => [k, (v as { value?: unknown } | null)?.value ?? null])), null, 2) : "";
  const [conf, setConf] = useState(defaults);
  const [note, setNote] = useState("");
  const value = parse(conf);
  const start = useMutation({
    mutationFn: () => api.post<DagRun>(path`/api/v2/dags/${dag.dag_id}/dagRuns`, { logical_date: null, conf: value ?? {}, ...(note && { note }) }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: keys.dag(dag.dag_id) });
      void client.invalidateQueries({ queryKey: keys.dags });
      toast.done(t("done", { dag: dag.dag_id }));
      onClose();
    },
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title={t("title", { dag: dag.dag_id })}
      locked={start.isPending}
      onSubmit={() => value && start.mutate()}
      footer={
        <>
          <Button onClick={onClose}>{t("common:cancel")}</Button>
          <Button type="submit" kind="primary" busy={start.isPending} disabled={!value} data-autofocus={defaults ? undefined : true}>{t("submit")}</Button>
        </>
      }
    >
      {dag.is_paused && <p className="muted" style={{ marginBottom: "var(--space-3)" }}>{t("paused")}</p>}
      <Field label={t("conf")} hint={t("conf_hint")} error={value ? null : t("conf_wrong")}>
        {(p) => <TextArea {...p} mono rows={7} value={conf} onChange={(e) => setConf(e.target.value)} placeholder="{}" />}
      </Field>
      <Field label={t("note")} optional={t("common:optional")}>{(p) => <Input {...p} value={note} onChange={(e) => setNote(e.target.value)} />}</Field>
      {start.error && <ErrorState error={start.error} inline />}
    </Dialog>
  );
}
