import { useState } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, path } from "@/api/client";
import { dagChanged } from "@/api/dags";
import { keys } from "@/api/keys";
import { Confirm } from "@/components/Confirm";
import { Field, Input } from "@/components/Form";
import { toast } from "@/components/Toast";

interface Props {
  dagId: string;
  runId?: string; // none: the DAG with all its runs
  onDone?: () => void; // the page of what is gone is left here
  onClose: () => void;
}

/** Deletes a run, or a DAG's whole history: for that its name must be written. */
export function DeleteDialog({ dagId, runId, onDone, onClose }: Props) {
  const { t } = useTranslation("dialogs");
  const client = useQueryClient();
  const [typed, setTyped] = useState("");
  const remove = async () => {
    await api.delete(runId === undefined ? path`/api/v2/dags/${dagId}` : path`/api/v2/dags/${dagId}/dagRuns/${runId}`);
    // What is gone is forgotten, not asked for again.
    for (const key of runId === undefined ? [keys.dag(dagId), keys.grid(dagId)] : [keys.run(dagId, runId)]) client.removeQueries({ queryKey: key });
    onDone?.();
    dagChanged(client, dagId);
    toast.done(t(runId === undefined ? "delete.done_dag" : "delete.done_run", { name: runId ?? dagId }));
  };
  return (
    <Confirm
      open danger title={t(runId === undefined ? "delete.title_dag" : "delete.title_run", { name: runId ?? dagId })} action={t("common:delete")}
      ready={runId !== undefined || typed === dagId} onConfirm={remove} onClose={onClose}
    >
      <p>{t(runId === undefined ? "delete.about_dag" : "delete.about_run")}</p>
      {runId === undefined && (
        <div style={{ marginTop: "var(--space-3)" }}>
          <Field label={t("delete.type", { dag: dagId })} error={dagId.startsWith(typed) ? null : t("delete.differs")}>
            {(p) => <Input {...p} className="mono" data-autofocus autoComplete="off" value={typed} onChange={(e) => setTyped(e.target.value)} />}
          </Field>
        </div>
      )}
    </Confirm>
  );
}
