import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { ReactElement, ReactNode } from "react";
import { createPortal } from "react-dom";
import { landmarkOf } from "@/lib/dom";
import s from "./Menu.module.css";

/** A small panel at its button: for what is more than a menu. Esc and a press beside it close it; the focus comes back. */
export function Popover({ label, children, button }: {
  label: string;
  children: (close: () => void) => ReactNode;
  button: (props: { onClick: () => void; "aria-haspopup": "dialog"; "aria-expanded": boolean; ref: (el: HTMLButtonElement | null) => void }) => ReactElement;
}) {
  const [open, setOpen] = useState(false);
  const anchor = useRef<HTMLButtonElement | null>(null);
  const panel = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const el = panel.current;
    if (!open || !el || !anchor.current) return;
    const a = anchor.current.getBoundingClientRect(), b = el.getBoundingClientRect();
    el.style.left = `${Math.max(8, Math.min(a.left, innerWidth - b.width - 8))}px`;
    el.style.top = `${a.bottom + 4}px`;
    el.style.maxHeight = `${Math.max(160, innerHeight - a.bottom - 16)}px`;
    el.querySelector<HTMLElement>("input,button,[tabindex]")?.focus();
  }, [open]);
  useEffect(() => {
    if (!open) return;
    const away = (e: Event) => {
      const t = e.target as Node;
      if (!panel.current?.contains(t) && !anchor.current?.contains(t)) setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    document.addEventListener("focusin", away);
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("focusin", away);
    };
  }, [open]);
  const close = () => {
    setOpen(false);
    anchor.current?.focus();
  };
  return (
    <>
      {button({ onClick: () => setOpen(!open), "aria-haspopup": "dialog", "aria-expanded": open, ref: (el) => void (anchor.current = el) })}
      {open && createPortal(
        <div
          ref={panel} role="dialog" aria-label={label} className={s.menu}
          onKeyDown={(e) => {
            if (e.key !== "Escape") return;
            e.stopPropagation();
            close();
          }}
        >
          {children(close)}
        </div>,
        landmarkOf(anchor.current),
      )}
    </>
  );
}
