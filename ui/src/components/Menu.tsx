import { useEffect, useId, useLayoutEffect, useRef, useState } from "react";
import type { ReactElement, ReactNode } from "react";
import { createPortal } from "react-dom";
import { Check } from "lucide-react";
import type { LucideIcon } from "lucide-react";
import { landmarkOf } from "@/lib/dom";
import { cx } from "@/lib/cx";
import s from "./Menu.module.css";

export type MenuItem =
  | { kind?: "item"; label: string; icon?: LucideIcon; onSelect: () => void; danger?: boolean; disabled?: boolean; hint?: string }
  | { kind: "radio"; label: string; checked: boolean; onSelect: () => void }
  | { kind: "label"; label: string }
  | { kind: "separator" };

interface Props {
  items: readonly MenuItem[];
  label: string;
  align?: "start" | "end";
  header?: ReactNode;
  /** The button; it gets what opens the menu. */
  children: (props: { onClick: () => void; "aria-haspopup": "menu"; "aria-expanded": boolean; "aria-controls"?: string; ref: (el: HTMLButtonElement | null) => void }) => ReactElement;
}

/** A menu button: arrows, Home, End, letters, Esc. */
export function Menu({ items, label, align = "start", header, children }: Props) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement | null>(null);
  const id = useId();
  const close = (refocus = true) => {
    setOpen(false);
    if (refocus) button.current?.focus();
  };
  return (
    <>
      {children({
        onClick: () => setOpen((o) => !o),
        "aria-haspopup": "menu",
        "aria-expanded": open,
        "aria-controls": open ? id : undefined,
        ref: (el) => void (button.current = el),
      })}
      {open && button.current && (
        createPortal(
          <List id={id} items={items} label={label} align={align} header={header} anchor={button.current} close={close} />,
          landmarkOf(button.current),
        )
      )}
    </>
  );
}

function List({ id, items, label, align, header, anchor, close }: {
  id: string; items: readonly MenuItem[]; label: string; align: "start" | "end"; header?: ReactNode; anchor: HTMLElement; close: (refocus?: boolean) => void;
}) {
  const ref = useRef<HTMLDivElement>(null);
  const closing = useRef(close);
  useEffect(() => {
    closing.current = close;
  });
  const choices = () => [...(ref.current?.querySelectorAll<HTMLElement>("[role^=menuitem]:not([aria-disabled=true])") ?? [])];
  const move = (to: number) => {
    const all = choices();
    all[(to + all.length) % all.length]?.focus();
  };
  useLayoutEffect(() => {
    const el = ref.current!;
    const a = anchor.getBoundingClientRect(), b = el.getBoundingClientRect();
    const x = align === "end" ? a.right - b.width : a.left;
    const y = a.bottom + 4 + b.height > innerHeight - 8 && a.top > b.height + 8 ? a.top - b.height - 4 : a.bottom + 4;
    el.style.left = `${Math.max(8, Math.min(x, innerWidth - b.width - 8))}px`;
    el.style.top = `${y}px`;
    el.style.maxHeight = `${innerHeight - y - 8}px`;
    (el.querySelector<HTMLElement>("[aria-checked=true]") ?? choices()[0])?.focus();
  }, [anchor, align]);
  useEffect(() => {
    const down = (e: PointerEvent) => {
      const t = e.target as Node;
      if (!ref.current?.contains(t) && !anchor.contains(t)) closing.current(false);
    };
    const away = () => closing.current(false);
    document.addEventListener("pointerdown", down);
    window.addEventListener("resize", away);
    return () => {
      document.removeEventListener("pointerdown", down);
      window.removeEventListener("resize", away);
    };
  }, [anchor]);
  return (
    <div
      ref={ref}
      id={id}
      className={s.menu}
      role="menu"
      aria-label={label}
      onKeyDown={(e) => {
        const all = choices(), at = all.indexOf(document.activeElement as HTMLElement);
        const act: Record<string, () => void> = {
          ArrowDown: () => move(at + 1), ArrowUp: () => move(at - 1), Home: () => move(0), End: () => move(-1), Escape: () => close(), Tab: () => close(),
        };
        const fn = act[e.key];
        if (fn) {
          e.preventDefault();
          e.stopPropagation();
          fn();
        } else if (e.key.length === 1 && e.key !== " ") {
          const next = [...all.slice(at + 1), ...all].find((el) => el.textContent?.trim().toLowerCase().startsWith(e.key.toLowerCase()));
          next?.focus();
        }
      }}
    >
      {header && <div className={s.header} role="none">{header}</div>}
      {items.map((item, i) => {
        if (item.kind === "separator") return <div key={i} role="separator" className={s.separator} />;
        if (item.kind === "label") return <div key={i} role="none" className={s.label}>{item.label}</div>;
        const radio = item.kind === "radio";
        const Icon = radio ? null : item.icon;
        const disabled = !radio && item.disabled;
        return (
          <button
            key={i}
            type="button"
            tabIndex={-1}
            role={radio ? "menuitemradio" : "menuitem"}
            aria-checked={radio ? item.checked : undefined}
            aria-disabled={disabled || undefined}
            className={cx(s.item, !radio && item.danger && s.danger)}
            onClick={() => {
              if (disabled) return;
              close();
              item.onSelect();
            }}
          >
            <span className={s.mark}>{radio ? item.checked && <Check size={14} aria-hidden /> : Icon && <Icon size={15} aria-hidden />}</span>
            <span className={s.text}>{item.label}</span>
            {!radio && item.hint && <span className={s.hint}>{item.hint}</span>}
          </button>
        );
      })}
    </div>
  );
}
