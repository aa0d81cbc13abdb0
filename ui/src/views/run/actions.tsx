/* What one does to runs and task instances: buttons that open the dialogs of src/dialogs/, which are loaded when they are opened. */
import { lazy, Suspense, useState } from "react";
import type { ComponentType } from "react";
import { CircleCheckBig, Eraser, NotebookPen } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useQueryClient } from "@tanstack/react-query";
import { keys } from "@/api/keys";
import { useSession } from "@/api/session";
import { Button } from "@/components/Button";

export interface ActionProps {
  dagId: string;
  runIds?: string[];
  taskIds?: string[];
  mapIndexes?: number[];
  onDone: () => void;
  onClose: () => void;
}

const files = import.meta.glob<Record<string, ComponentType<ActionProps>>>("../../dialogs/*Dialog.tsx");

function dialog(name: string) {
  const load = files[`../../dialogs/${name}.tsx`];
  return load ? lazy(async () => {
    const m = await load();
    return { default: (m.default ?? m[name])! };
  }) : null;
}

const DIALOGS = { clear: dialog("ClearDialog"), mark: dialog("MarkDialog"), note: dialog("NoteDialog") };
const ICONS = { clear: Eraser, mark: CircleCheckBig, note: NotebookPen };
export type Action = keyof typeof DIALOGS;

export function Actions({ dag, runIds, taskIds, mapIndexes, actions = ["clear", "mark", "note"], small }: {
  dag: string; runIds: string[]; taskIds?: string[]; mapIndexes?: number[]; actions?: Action[]; small?: boolean;
}) {
  const { t } = useTranslation("run");
  const client = useQueryClient();
  const { may } = useSession();
  const [open, setOpen] = useState<Action | null>(null);
  if (!may("user")) return null;
  const View = open && DIALOGS[open];
  return (
    <>
      {actions.filter((a) => DIALOGS[a]).map((a) => <Button key={a} icon={ICONS[a]} small={small} onClick={() => setOpen(a)}>{t(`action.${a}`)}</Button>)}
      {View && (
        <Suspense fallback={null}>
          <View
            dagId={dag} runIds={runIds} taskIds={taskIds} mapIndexes={mapIndexes} onClose={() => setOpen(null)}
            onDone={() => {
              setOpen(null);
              void client.invalidateQueries({ queryKey: keys.dag(dag) });
              void client.invalidateQueries({ queryKey: ["grid", dag] });
            }}
          />
        </Suspense>
      )}
    </>
  );
}
