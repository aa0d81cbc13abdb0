import type { ReactNode } from "react";
import { NavLink } from "react-router-dom";
import { cx } from "@/lib/cx";
import s from "./Tabs.module.css";

/** Tabs that are addresses: links, so that each can be opened, sent and gone back from. */
export function LinkTabs({ tabs, label, end }: { tabs: readonly { to: string; label: string; count?: number; end?: boolean; onNear?: () => void }[]; label: string; end?: ReactNode }) {
  return (
    <nav className={s.tabs} aria-label={label}>
      {tabs.map((t) => (
        <NavLink key={t.to} to={t.to} end={t.end} onPointerEnter={t.onNear} onFocus={t.onNear} className={({ isActive, isPending }) => cx(s.tab, isActive && s.active, isPending && s.pending)}>
          {t.label}
          {t.count !== undefined && <span className={cx(s.count, "num")}>{t.count}</span>}
        </NavLink>
      ))}
      {end && <div className={s.end}>{end}</div>}
    </nav>
  );
}

/** A choice of one of few, beside each other. */
export function Segmented<T extends string>({ value, options, onChange, label }: {
  value: T; options: readonly { value: T; label: ReactNode; title?: string }[]; onChange: (v: T) => void; label: string;
}) {
  return (
    <div className={s.segmented} role="radiogroup" aria-label={label}>
      {options.map((o, i) => (
        <button
          key={o.value}
          type="button"
          role="radio"
          aria-checked={o.value === value}
          aria-label={o.title}
          tabIndex={o.value === value || (i === 0 && !options.some((x) => x.value === value)) ? 0 : -1}
          className={s.segment}
          onClick={() => onChange(o.value)}
          onKeyDown={(e) => {
            const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
            if (!step) return;
            e.preventDefault();
            const to = (i + step + options.length) % options.length;
            onChange(options[to]!.value);
            (e.currentTarget.parentElement?.children[to] as HTMLElement | undefined)?.focus();
          }}
        >
          {o.label}
        </button>
      ))}
    </div>
  );
}
