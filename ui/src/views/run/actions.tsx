/* What one does to runs and task instances: buttons that open the dialogs of src/dialogs/, which are loaded when they are opened. */
import { lazy, Suspense, useState } from "react";
import type { ComponentType } from "react";
import { ChevronDown, CircleCheckBig, Eraser, NotebookPen, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useQueryClient } from "@tanstack/react-query";
import { dagChanged } from "@/api/dags";
import { useSession } from "@/api/session";
import { Button } from "@/components/Button";
import { Menu } from "@/components/Menu";

interface Common {
  dagId: string;
  onDone: () => void;
  onClose: () => void;
}
type Target = Common & { runIds?: string[]; taskIds?: string[]; mapIndexes?: number[] };
interface Dialogs {
  ClearDialog: ComponentType<Target>;
  MarkDialog: ComponentType<Target & { state: "success" | "failed" | "skipped" }>;
  DeleteDialog: ComponentType<Common & { runId?: string }>;
  NoteDialog: ComponentType<Common & { runId: string; taskId?: string; mapIndex?: number; note: string | null }>;
}

const load = import.meta.glob<Dialogs>("../../dialogs/index.ts")["../../dialogs/index.ts"];
const Clear = lazy(async () => ({ default: (await load!()).ClearDialog }));
const Mark = lazy(async () => ({ default: (await load!()).MarkDialog }));
const Delete = lazy(async () => ({ default: (await load!()).DeleteDialog }));
const Note = lazy(async () => ({ default: (await load!()).NoteDialog }));

export type Action = "clear" | "mark" | "note" | "delete";
type Open = "clear" | "note" | "delete" | "success" | "failed" | "skipped" | null;

export function Actions({ dag, runIds, taskIds, mapIndexes, note, actions = ["clear", "mark", "note"], small, onDeleted }: {
  dag: string; runIds: string[]; taskIds?: string[]; mapIndexes?: number[]; note?: string | null; actions?: readonly Action[]; small?: boolean; onDeleted?: () => void; // with the action "delete", of a run
}) {
  const { t } = useTranslation("run");
  const client = useQueryClient();
  const { may } = useSession();
  const [open, setOpen] = useState<Open>(null);
  if (!may("user") || !load) return null;
  const close = () => setOpen(null);
  const done = () => {
    setOpen(null);
    dagChanged(client, dag);
  };
  const target = { dagId: dag, runIds, taskIds, mapIndexes, onDone: done, onClose: close };
  const states = taskIds?.length ? (["success", "failed", "skipped"] as const) : (["success", "failed"] as const);
  return (
    <>
      {actions.includes("clear") && <Button icon={Eraser} small={small} onClick={() => setOpen("clear")}>{t("action.clear")}</Button>}
      {actions.includes("mark") && (
        <Menu label={t("action.mark")} items={states.map((x) => ({ label: t("action.mark_as", { state: t(`common:state.${x}`) }), onSelect: () => setOpen(x) }))}>
          {(p) => <Button {...p} icon={CircleCheckBig} small={small}>{t("action.mark")}<ChevronDown size={12} aria-hidden /></Button>}
        </Menu>
      )}
      {actions.includes("note") && <Button icon={NotebookPen} small={small} onClick={() => setOpen("note")}>{t("action.note")}</Button>}
      {actions.includes("delete") && <Button icon={Trash2} small={small} onClick={() => setOpen("delete")}>{t("common:delete")}</Button>}
      <Suspense fallback={null}>
        {open === "delete" && <Delete dagId={dag} runId={runIds[0]!} onDone={() => onDeleted?.()} onClose={close} />}
        {open === "clear" && <Clear {...target} />}
        {(open === "success" || open === "failed" || open === "skipped") && <Mark {...target} state={open} />}
        {open === "note" && <Note dagId={dag} runId={runIds[0]!} taskId={taskIds?.[0]} mapIndex={mapIndexes?.[0] ?? -1} note={note ?? null} onDone={done} onClose={close} />}
      </Suspense>
    </>
  );
}
