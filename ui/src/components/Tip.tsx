import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { createPortal } from "react-dom";
import s from "./Tip.module.css";

const DELAY_MS = 350;

const cutOff = (el: Element) => el.scrollWidth > el.clientWidth + 1;

/** The element whose tip is shown: one that has a text for it, or a name that is cut off, which is shown whole. */
function withTip(at: Element): HTMLElement | null {
  const el = at.closest<HTMLElement>("[data-tip], .truncate");
  return el && (el.dataset.tip || cutOff(el)) ? el : null;
}

const tipOf = (el: HTMLElement) => el.dataset.tip || el.textContent || undefined;

/**
 * One layer for all tips of the page: any element may have data-tip="text"; a name that is cut off (`truncate`) has itself. Shown after a moment of pointing, at once on keyboard focus, gone by
 * Esc. A tip only repeats or widens: what one must know never stands in it alone.
 */
export function TipLayer() {
  const [target, setTarget] = useState<HTMLElement | null>(null);
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let timer = 0;
    const find = (e: Event) => (e.target instanceof Element ? withTip(e.target) : null);
    const hide = () => {
      window.clearTimeout(timer);
      setTarget(null);
    };
    const over = (e: PointerEvent) => {
      if (e.pointerType === "touch") return;
      const el = find(e);
      window.clearTimeout(timer);
      if (!el) return setTarget(null);
      timer = window.setTimeout(() => setTarget(el), DELAY_MS);
    };
    const focus = (e: FocusEvent) => {
      const el = find(e);
      if (el?.matches(":focus-visible")) setTarget(el);
    };
    const key = (e: KeyboardEvent) => e.key === "Escape" && hide();
    document.addEventListener("pointerover", over);
    document.addEventListener("pointerdown", hide);
    document.addEventListener("focusin", focus);
    document.addEventListener("focusout", hide);
    document.addEventListener("keydown", key);
    document.addEventListener("scroll", hide, true);
    return () => {
      hide();
      document.removeEventListener("pointerover", over);
      document.removeEventListener("pointerdown", hide);
      document.removeEventListener("focusin", focus);
      document.removeEventListener("focusout", hide);
      document.removeEventListener("keydown", key);
      document.removeEventListener("scroll", hide, true);
    };
  }, []);
  useLayoutEffect(() => {
    const tip = ref.current;
    if (!tip || !target?.isConnected) return;
    const a = target.getBoundingClientRect(), b = tip.getBoundingClientRect();
    const below = a.top < b.height + 12;
    tip.style.left = `${Math.max(6, Math.min(a.left + a.width / 2 - b.width / 2, innerWidth - b.width - 6))}px`;
    tip.style.top = `${below ? a.bottom + 6 : a.top - b.height - 6}px`;
  }, [target]);
  const text = target ? tipOf(target) : undefined;
  if (!target || !text) return null;
  return createPortal(<div ref={ref} className={s.tip} role="tooltip">{text}</div>, target.closest("dialog") ?? document.body);
}
