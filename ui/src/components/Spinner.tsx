import s from "./Spinner.module.css";

/** For what takes time; it shows itself only after a moment, so that quick things do not flicker. */
export function Spinner({ label }: { label?: string }) {
  return <span className={s.spinner} role={label ? "status" : undefined} aria-label={label} aria-hidden={label ? undefined : true} />;
}
