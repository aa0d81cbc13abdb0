import { useId } from "react";
import { useTranslation } from "react-i18next";
import { useTimezone } from "@/app/timezone";
import { Checkbox, Field, Input, Select, TextArea } from "@/components/Form";
import { Markdown } from "@/dialogs/Markdown";
import { draftOf, sectionsOf } from "@/dialogs/schema";
import type { Draft, Drafts, Invalid, ParamField } from "@/dialogs/schema";
import { fromLocal, toLocal } from "@/dialogs/zoned";
import s from "./dialogs.module.css";

interface Props {
  fields: readonly ParamField[];
  drafts: Drafts;
  errors: Record<string, Invalid | string>; // by the form, or in the server's words
  onChange: (name: string, draft: Draft) => void;
  disabled?: boolean;
}

/** The controls of a set of params, by section. */
export function ParamForm({ fields, drafts, errors, onChange, disabled }: Props) {
  return (
    <>
      {sectionsOf(fields).map(([name, list]) => {
        const controls = list.map((f) => (
          <ParamControl key={f.name} field={f} draft={drafts[f.name] ?? draftOf(f)} error={errors[f.name]} disabled={disabled} onChange={(d) => onChange(f.name, d)} />
        ));
        return name ? (
          <fieldset key={name} className={s.section}><legend>{name}</legend>{controls}</fieldset>
        ) : (
          <div key="" className={s.params}>{controls}</div>
        );
      })}
    </>
  );
}

function ParamControl({ field, draft, error, onChange, disabled }: { field: ParamField; draft: Draft; error?: Invalid | string; onChange: (d: Draft) => void; disabled?: boolean }) {
  const { t } = useTranslation("dialogs");
  const tz = useTimezone();
  const list = useId();
  const said = error === undefined ? null : typeof error === "string" ? error : t(`invalid.${error.code}`, error.args ?? {});
  const about = field.description ? <Markdown text={field.description} /> : null;
  const label = field.label === field.name ? <span className="mono">{field.name}</span> : <>{field.label} <span className={s.name}>{field.name}</span></>;
  const text = String(draft);
  const { minimum, maximum } = field.schema;
  if (field.kind === "boolean") {
    return (
      <div className={s.check}>
        <Checkbox label={label} hint={about} checked={draft === true} disabled={disabled} onChange={(e) => onChange(e.target.checked)} />
        {said && <p role="alert" className={s.fieldError}>{said}</p>}
      </div>
    );
  }
  if (field.kind === "choices") {
    const chosen = draft as string[];
    return (
      <fieldset className={s.choices} disabled={disabled}>
        <legend>{label}</legend>
        <div>
          {field.options.map((o) => {
            const id = JSON.stringify(o.value);
            return <Checkbox key={id} label={o.label} checked={chosen.includes(id)} onChange={(e) => onChange(e.target.checked ? [...chosen, id] : chosen.filter((x) => x !== id))} />;
          })}
        </div>
        {about && <div className={s.hint}>{about}</div>}
        {said && <p role="alert" className={s.fieldError}>{said}</p>}
      </fieldset>
    );
  }
  const range = field.kind === "integer" || field.kind === "number"
    ? minimum !== undefined && maximum !== undefined ? t("trigger.range", { minimum, maximum }) : minimum !== undefined ? t("trigger.from", { minimum }) : maximum !== undefined ? t("trigger.to", { maximum }) : "" : "";
  const how = field.kind === "lines" ? t("trigger.lines") : field.kind === "json" ? t("trigger.json") : field.kind === "date-time" ? t("trigger.zone", { zone: tz.zone }) : range;
  const hint = about || how ? <>{about}{how}</> : undefined;
  return (
    <Field label={label} hint={hint} error={said} optional={field.nullable ? t("common:optional") : undefined}>
      {(p) => {
        const common = { ...p, disabled, value: text, onChange: (e: { target: { value: string } }) => onChange(e.target.value) };
        switch (field.kind) {
          case "constant":
            return <Input {...p} className="mono" readOnly value={text} />;
          case "choice":
            return (
              <Select {...common}>
                {(field.nullable || text === "") && <option value="">{t("trigger.choose")}</option>}
                {field.options.map((o) => <option key={JSON.stringify(o.value)} value={JSON.stringify(o.value)}>{o.label}</option>)}
              </Select>
            );
          case "integer":
          case "number":
            return <>
              <Input {...common} type="number" step={field.kind === "integer" ? 1 : "any"} min={minimum} max={maximum} list={field.suggestions.length ? list : undefined} />
              {field.suggestions.length > 0 && <datalist id={list}>{field.suggestions.map((v) => <option key={v} value={v} />)}</datalist>}
            </>;
          case "date":
            return <Input {...common} type="date" />;
          case "time":
            return <Input {...common} type="time" step={1} onChange={(e) => onChange(e.target.value.length === 5 ? `${e.target.value}:00` : e.target.value)} />;
          case "date-time":
            return <Input {...common} type="datetime-local" step={1} value={toLocal(text, tz.zone)} onChange={(e) => onChange(fromLocal(e.target.value, tz.zone))} />;
          case "lines":
            return <TextArea {...common} rows={Math.min(8, Math.max(2, text.split("\n").length + 1))} />;
          case "multiline":
            return <TextArea {...common} rows={5} />;
          case "json":
            return <TextArea {...common} mono rows={Math.min(12, Math.max(3, text.split("\n").length + 1))} />;
          default:
            return <>
              <Input {...common} list={field.suggestions.length ? list : undefined} maxLength={field.schema.maxLength} />
              {field.suggestions.length > 0 && <datalist id={list}>{field.suggestions.map((v) => <option key={v} value={v} />)}</datalist>}
            </>;
        }
      }}
    </Field>
  );
}
