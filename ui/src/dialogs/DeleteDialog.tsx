import { useState } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, path } from "@/api/client";
import { keys } from "@/api/keys";
import { Confirm } from "@/components/Confirm";
import { Field, Input } from "@/components/Form";
import { toast } from "@/components/Toast";

interface Props {
  dagId: string;
  runId?: string; // none: the DAG with all its runs
  onDone?: () => void;
  onClose: () => void;
}

/** Deletes a run, or a DAG's whole history: for that its name must be written. */
export function DeleteDialog({ dagId, runId, onDone, onClose }: Props) {
  const { t } = useTranslation("dialogs");
  const client = useQueryClient();
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState(false);
  const remove = async () => {
    if (runId === undefined && typed !== dagId) {
      setWrong(true);
      throw new Error(t("delete.type", { dag: dagId }));
    }
    await api.delete(runId === undefined ? path`/api/v2/dags/${dagId}` : path`/api/v2/dags/${dagId}/dagRuns/${runId}`);
    void client.invalidateQueries({ queryKey: keys.dag(dagId) });
    void client.invalidateQueries({ queryKey: keys.dags });
    toast.done(t(runId === undefined ? "delete.done_dag" : "delete.done_run", { name: runId ?? dagId }));
    onDone?.();
  };
  return (
    <Confirm open danger title={t(runId === undefined ? "delete.title_dag" : "delete.title_run", { name: runId ?? dagId })} action={t("common:delete")} onConfirm={remove} onClose={onClose}>
      <p>{t(runId === undefined ? "delete.about_dag" : "delete.about_run")}</p>
      {runId === undefined && (
        <div style={{ marginTop: "var(--space-3)" }}>
          <Field label={t("delete.type", { dag: dagId })} error={wrong && typed !== dagId ? t("delete.differs") : null}>
            {(p) => <Input {...p} className="mono" value={typed} onChange={(e) => setTyped(e.target.value)} />}
          </Field>
        </div>
      )}
    </Confirm>
  );
}
