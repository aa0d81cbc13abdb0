import type { ReactNode } from "react";
import type { LucideIcon } from "lucide-react";
import { Words } from "@/components/Words";
import s from "./States.module.css";

/** Nothing here: why, and what one can do. */
export function EmptyState({ icon: Icon, title, children, action }: { icon?: LucideIcon; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className={s.empty}>
      {Icon && <Icon size={22} aria-hidden className={s.emptyIcon} />}
      <p className={s.title}>{title}</p>
      {children && <div className="muted">{typeof children === "string" ? <Words text={children} /> : children}</div>}
      {action}
    </div>
  );
}
