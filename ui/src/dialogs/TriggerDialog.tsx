import { useMemo, useRef, useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router-dom";
import { api, ApiError, path } from "@/api/client";
import { dagChanged, useDag } from "@/api/dags";
import { useTimezone } from "@/app/timezone";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { ErrorState } from "@/components/ErrorState";
import { Checkbox, Field, FieldRow, Input, TextArea } from "@/components/Form";
import { Skeleton } from "@/components/Page";
import { Segmented } from "@/components/Tabs";
import { toast } from "@/components/Toast";
import { ParamForm } from "@/dialogs/ParamForm";
import { confOf, draftOf, draftsOf, fieldsOf, parseObject, serverErrors } from "@/dialogs/schema";
import type { Draft, Drafts, Invalid, Param, ParamField } from "@/dialogs/schema";
import { fromLocal } from "@/dialogs/zoned";
import s from "./dialogs.module.css";

interface Run {
  dag_run_id: string;
}

interface Props {
  dagId: string;
  conf?: Record<string, unknown>; // to begin with: "run again as that one"
  onDone?: (runId: string) => void;
  onClose: () => void;
}

/** Starts a run: a form of the DAG's params. */
export function TriggerDialog(props: Props) {
  const { t } = useTranslation("dialogs");
  const dag = useDag(props.dagId);
  if (!dag.data) {
    return (
      <Dialog open onClose={props.onClose} title={t("trigger.title", { dag: props.dagId })}>
        {dag.error ? <ErrorState error={dag.error} retry={dag.refetch} inline /> : <Skeleton rows={4} height="2rem" />}
      </Dialog>
    );
  }
  const params = (dag.data as unknown as { params?: Record<string, Param> }).params;
  return <Form {...props} fields={fieldsOf(params)} paused={Boolean(dag.data.is_paused)} />;
}

function Form({ dagId, conf, onDone, onClose, fields, paused }: Props & { fields: ParamField[]; paused: boolean }) {
  const { t } = useTranslation("dialogs");
  const tz = useTimezone();
  const client = useQueryClient();
  const navigate = useNavigate();
  const list = useRef<HTMLDivElement>(null);
  const [start] = useState(() => draftsOf(fields, conf ?? {}));
  const [drafts, setDrafts] = useState<Drafts>(start.drafts);
  const [extra, setExtra] = useState<Record<string, unknown>>(start.extra);
  const [mode, setMode] = useState<"form" | "json">("form");
  const [text, setText] = useState("");
  const [more, setMore] = useState(fields.length === 0);
  const [runId, setRunId] = useState("");
  const [date, setDate] = useState("");
  const [note, setNote] = useState("");
  const [resume, setResume] = useState(true);
  const [tried, setTried] = useState(false);
  const [said, setSaid] = useState<Record<string, string>>({}); // by the server
  const read = useMemo(() => confOf(fields, drafts, extra), [fields, drafts, extra]);
  const typed = useMemo(() => (mode === "json" ? parseObject(text) : null), [mode, text]);
  const textError = typed && "error" in typed ? typed.error : null;
  const change = (name: string, draft: Draft) => {
    setDrafts((d) => ({ ...d, [name]: draft }));
    setSaid(({ [name]: _gone, ...others }) => others);
  };

  const start_ = useMutation({
    mutationFn: async (given: Record<string, unknown>) => {
      const run = await api.post<Run>(path`/api/v2/dags/${dagId}/dagRuns`, {
        logical_date: date ? fromLocal(date, tz.zone) : null,
        conf: given,
        ...(runId.trim() && { dag_run_id: runId.trim() }),
        ...(note.trim() && { note: note.trim() }),
      });
      if (paused && resume) await api.patch(path`/api/v2/dags/${dagId}`, { is_paused: false });
      return run;
    },
    onSuccess: (run) => {
      const id = run?.dag_run_id ?? runId;
      dagChanged(client, dagId);
      toast.done(t("trigger.done", { dag: dagId }), id ? { label: t("trigger.open"), fn: () => navigate(path`/dags/${dagId}/runs/${id}`) } : undefined);
      onDone?.(id);
      onClose();
    },
    onError: (e) => {
      if (!(e instanceof ApiError)) return;
      const { byField } = serverErrors(e.message, fields);
      setSaid(byField);
      if (mode === "form" && Object.keys(byField).length) toFirstError();
    },
  });

  const toFirstError = () => requestAnimationFrame(() => list.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
  const submit = () => {
    setTried(true);
    setSaid({});
    if (typed) {
      if ("error" in typed) return;
      start_.mutate(typed.value);
    } else if (Object.keys(read.errors).length) toFirstError();
    else start_.mutate(read.given);
  };
  const switchTo = (next: "form" | "json") => {
    if (next === mode) return;
    if (next === "json") setText(JSON.stringify(read.conf, null, 2));
    else if (typed && "value" in typed) {
      const d = draftsOf(fields, typed.value);
      setDrafts(d.drafts);
      setExtra(d.extra);
    } else return; // the text is no object yet: it stays
    setMode(next);
  };

  const errors: Record<string, Invalid | string> = { ...(tried ? read.errors : touched(fields, drafts, read.errors)), ...said };
  const placed = Object.keys(said).length > 0 && mode === "form";
  const rest = start_.error instanceof ApiError && placed ? null : start_.error;
  const n = Object.keys(read.given).length;
  return (
    <Dialog
      open
      onClose={onClose}
      title={t("trigger.title", { dag: dagId })}
      size={fields.length > 6 ? "large" : "medium"}
      locked={start_.isPending}
      onSubmit={submit}
      footer={
        <>
          <span className={s.footNote}>{mode === "form" && fields.length > 0 && (n ? t("trigger.changed", { count: n }) : t("trigger.defaults"))}</span>
          <Button onClick={onClose} disabled={start_.isPending}>{t("common:cancel")}</Button>
          <Button type="submit" kind="primary" icon={Play} busy={start_.isPending} data-autofocus={fields.length ? undefined : true}>{t("trigger.action")}</Button>
        </>
      }
    >
      <div ref={list} className={s.body}>
        <div className={s.bar}>
          <h3>{fields.length ? t("trigger.params") : t("trigger.no_params")}</h3>
          <Segmented label={t("trigger.mode")} value={mode} onChange={switchTo} options={[{ value: "form", label: t("trigger.form") }, { value: "json", label: "JSON" }]} />
        </div>
        {mode === "form" ? (
          <>
            <ParamForm fields={fields} drafts={drafts} errors={errors} onChange={change} disabled={start_.isPending} />
            {Object.keys(extra).length > 0 && <p className="muted">{t("trigger.extra", { names: Object.keys(extra).join(", ") })}</p>}
          </>
        ) : (
          <Field label={t("trigger.conf")} error={textError ? t(`invalid.${textError.code}`, textError.args ?? {}) : null}>
            {(p) => <TextArea {...p} mono rows={14} value={text} onChange={(e) => setText(e.target.value)} />}
          </Field>
        )}
        <details className={s.more} open={more} onToggle={(e) => setMore(e.currentTarget.open)}>
          <summary>{t("trigger.more")}</summary>
          <FieldRow>
            <Field label={t("trigger.run_id")} hint={t("trigger.run_id_hint")} optional={t("common:optional")}>
              {(p) => <Input {...p} className="mono" value={runId} onChange={(e) => setRunId(e.target.value)} maxLength={250} />}
            </Field>
            <Field label={t("trigger.logical_date")} hint={t("trigger.zone", { zone: tz.zone })} optional={t("common:optional")}>
              {(p) => <Input {...p} type="datetime-local" step={1} value={date} onChange={(e) => setDate(e.target.value)} />}
            </Field>
          </FieldRow>
          <Field label={t("note.label")} optional={t("common:optional")}>
            {(p) => <TextArea {...p} rows={2} value={note} maxLength={1000} onChange={(e) => setNote(e.target.value)} />}
          </Field>
        </details>
        {paused && <div className={s.notice}><Checkbox label={t("trigger.resume")} hint={t("trigger.paused")} checked={resume} onChange={(e) => setResume(e.target.checked)} /></div>}
        {rest && <ErrorState error={rest} inline />}
      </div>
    </Dialog>
  );
}

/* Before the first try, only what was written is judged: an empty field is no mistake yet. */
function touched(fields: readonly ParamField[], drafts: Drafts, errors: Record<string, Invalid>) {
  return Object.fromEntries(Object.entries(errors).filter(([name]) => {
    const f = fields.find((x) => x.name === name)!;
    return JSON.stringify(drafts[name] ?? "") !== JSON.stringify(draftOf(f)) && drafts[name] !== "";
  }));
}
