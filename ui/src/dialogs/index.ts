/* What one does from anywhere. Each is shown while it is rendered: {open && <ClearDialog dagId={id} runIds={[run]} onClose={close} />} */
export { TriggerDialog } from "@/dialogs/TriggerDialog";
export { ClearDialog, MarkDialog } from "@/dialogs/PlanDialog";
export type { Target } from "@/dialogs/PlanDialog";
export { NoteDialog } from "@/dialogs/NoteDialog";
export { BackfillDialog } from "@/dialogs/BackfillDialog";
export { DeleteDialog } from "@/dialogs/DeleteDialog";
export { Confirm } from "@/components/Confirm";
