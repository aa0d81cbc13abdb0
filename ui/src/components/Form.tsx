import { useId } from "react";
import type { InputHTMLAttributes, ReactNode, Ref, SelectHTMLAttributes, TextareaHTMLAttributes } from "react";
import { cx } from "@/lib/cx";
import s from "./Form.module.css";

/** A label, its field, a hint and an error that belong together. */
export function Field({ label, hint, error, optional, children }: {
  label: ReactNode; hint?: ReactNode; error?: string | null; optional?: string; children: (props: { id: string; "aria-describedby"?: string; "aria-invalid"?: true }) => ReactNode;
}) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return (
    <div className={s.field}>
      <label htmlFor={id} className={s.label}>{label}{optional && <span className="muted"> {optional}</span>}</label>
      {children({ id, "aria-describedby": described, ...(error ? { "aria-invalid": true as const } : {}) })}
      {hint && <div id={`${id}-hint`} className={s.hint}>{hint}</div>}
      {error && <p id={`${id}-error`} className={s.error} role="alert">{error}</p>}
    </div>
  );
}

export function Input({ className, ref, ...rest }: InputHTMLAttributes<HTMLInputElement> & { ref?: Ref<HTMLInputElement> }) {
  return <input autoComplete="off" spellCheck={false} {...rest} ref={ref} className={cx(s.input, className)} />;
}

export function TextArea({ className, mono, ref, ...rest }: TextareaHTMLAttributes<HTMLTextAreaElement> & { mono?: boolean; ref?: Ref<HTMLTextAreaElement> }) {
  return <textarea rows={4} spellCheck={false} {...rest} ref={ref} className={cx(s.input, s.area, mono && "mono", className)} />;
}

export function Select({ className, children, ...rest }: SelectHTMLAttributes<HTMLSelectElement>) {
  return <select {...rest} className={cx(s.input, s.select, className)}>{children}</select>;
}

export function Checkbox({ label, hint, className, ...rest }: InputHTMLAttributes<HTMLInputElement> & { label: ReactNode; hint?: ReactNode }) {
  return (
    <label className={cx(s.check, className)}>
      <input {...rest} type="checkbox" />
      <span>{label}{hint && <span className={s.hint}>{hint}</span>}</span>
    </label>
  );
}

/** On or off, at once. */
export function Switch({ checked, onChange, label, busy, disabled }: { checked: boolean; onChange: (v: boolean) => void; label: string; busy?: boolean; disabled?: boolean }) {
  return (
    <button
      type="button" role="switch" aria-checked={checked} aria-label={label} data-tip={label} disabled={disabled} aria-busy={busy || undefined}
      className={s.switch}
      onClick={() => !busy && onChange(!checked)}
    >
      <span className={s.knob} />
    </button>
  );
}

/** Fields beside each other where there is room. */
export function FieldRow({ children }: { children: ReactNode }) {
  return <div className={s.fieldRow}>{children}</div>;
}
