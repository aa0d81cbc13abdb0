import { useEffect, useSyncExternalStore } from "react";
import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { IconButton } from "@/components/Button";
import { useErrorText } from "@/components/ErrorState";
import { Words } from "@/components/Words";
import s from "./Toast.module.css";

interface Note {
  id: number;
  text?: string;
  error?: unknown;
  action?: { label: string; fn: () => void };
}

let notes: Note[] = [];
let next = 1;
const watchers = new Set<() => void>();
const watch = (fn: () => void) => {
  watchers.add(fn);
  return () => void watchers.delete(fn);
};
function set(list: Note[]) {
  notes = list;
  for (const fn of watchers) fn();
}
const drop = (id: number) => set(notes.filter((n) => n.id !== id));
const SHOWN_MS = 5000;

/** What was done, in a corner, for a while: toast.done("Paused sales"). Errors stay until they are closed: toast.error(e). */
export const toast = {
  done(text: string, action?: Note["action"]) {
    set([...notes.slice(-3), { id: next++, text, action }]);
  },
  error(error: unknown, text?: string) {
    set([...notes.slice(-3), { id: next++, error, text }]);
  },
};

function One({ note }: { note: Note }) {
  const { t } = useTranslation();
  const isError = note.error !== undefined;
  const why = useErrorText(note.error);
  useEffect(() => {
    if (isError) return;
    const timer = window.setTimeout(() => drop(note.id), SHOWN_MS);
    return () => window.clearTimeout(timer);
  }, [note.id, isError]);
  const Icon = isError ? CircleAlert : CircleCheck;
  return (
    <li className={s.note} role={isError ? "alert" : "status"}>
      <Icon size={16} aria-hidden className={isError ? s.bad : s.good} />
      <div className={s.text}>
        {isError ? (
          <>
            <p className={s.title}>{note.text ?? why.text}</p>
            <p className="muted"><Words text={note.text ? why.text : why.remedy} /></p>
          </>
        ) : (
          <p>{note.text}</p>
        )}
      </div>
      {note.action && <button type="button" className={s.action} onClick={() => { note.action!.fn(); drop(note.id); }}>{note.action.label}</button>}
      <IconButton icon={X} small label={t("close")} onClick={() => drop(note.id)} />
    </li>
  );
}

export function Toasts() {
  const { t } = useTranslation();
  const list = useSyncExternalStore(watch, () => notes);
  return (
    <section aria-label={t("notifications")} className={s.toasts}>
      <ul>{list.map((n) => <One key={n.id} note={n} />)}</ul>
    </section>
  );
}
