import type { ReactNode } from "react";
import s from "./Filters.module.css";

/** The line above a list: its search, its filters, how many there are. */
export function Filters({ children, count }: { children: ReactNode; count?: ReactNode }) {
  return <div className={s.filters} role="search">{children}{count !== undefined && <span className={s.count} role="status">{count}</span>}</div>;
}
