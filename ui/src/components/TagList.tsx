import { Link } from "react-router-dom";
import s from "./TagList.module.css";

/** Tags; those beyond `max` are counted, with their names in the tip. `to`: where a tag leads. */
export function TagList({ tags, max = 4, to }: { tags: readonly string[]; max?: number; to?: (tag: string) => string }) {
  const more = tags.slice(max);
  if (!tags.length) return null;
  return (
    <span className={s.tags}>
      {tags.slice(0, max).map((t) => (to ? <Link key={t} to={to(t)} className={`${s.tag} truncate`}>{t}</Link> : <span key={t} className={`${s.tag} truncate`}>{t}</span>))}
      {more.length > 0 && <span className={s.more} data-tip={more.join(", ")}>+{more.length}</span>}
    </span>
  );
}
