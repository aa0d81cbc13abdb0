import { useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, path } from "@/api/client";
import { dagChanged } from "@/api/dags";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { ErrorState } from "@/components/ErrorState";
import { Field, TextArea } from "@/components/Form";
import { toast } from "@/components/Toast";

const LIMIT = 1000;

interface Props {
  dagId: string;
  runId: string;
  taskId?: string; // none: the note of the run
  mapIndex?: number;
  note: string | null;
  onDone?: () => void;
  onClose: () => void;
}

/** The note of a run or of a task instance. Empty: none. */
export function NoteDialog({ dagId, runId, taskId, mapIndex = -1, note, onDone, onClose }: Props) {
  const { t } = useTranslation("dialogs");
  const client = useQueryClient();
  const [text, setText] = useState(note ?? "");
  const save = useMutation({
    mutationFn: () => {
      const run = path`/api/v2/dags/${dagId}/dagRuns/${runId}`;
      const at = taskId === undefined ? run : run + path`/taskInstances/${taskId}` + (mapIndex >= 0 ? `/${mapIndex}` : "");
      return api.patch(at, { note: text.trim() || null }, { query: { update_mask: "note" } });
    },
    onSuccess: () => {
      dagChanged(client, dagId);
      toast.done(t(text.trim() ? "note.done" : "note.removed"));
      onDone?.();
      onClose();
    },
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title={t("note.title")}
      size="small"
      locked={save.isPending}
      onSubmit={() => save.mutate()}
      footer={
        <>
          <Button onClick={onClose} disabled={save.isPending}>{t("common:cancel")}</Button>
          <Button type="submit" kind="primary" busy={save.isPending} disabled={text.length > LIMIT}>{t("common:save")}</Button>
        </>
      }
    >
      <Field label={taskId === undefined ? t("note.of_run", { run: runId }) : t("note.of_task", { task: taskId })} hint={t("note.hint", { n: text.length, limit: LIMIT })} error={text.length > LIMIT ? t("invalid.maxLength", { count: LIMIT }) : null}>
        {(p) => <TextArea {...p} rows={6} value={text} data-autofocus onChange={(e) => setText(e.target.value)} onKeyDown={(e) => (e.metaKey || e.ctrlKey) && e.key === "Enter" && save.mutate()} />}
      </Field>
      {save.error && <ErrorState error={save.error} inline />}
    </Dialog>
  );
}
