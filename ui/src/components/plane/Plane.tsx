/* A window onto a plane: drag, wheel, two fingers and buttons move and enlarge it. What lies on it is placed by its own coordinates, in `children`. */
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { ReactNode } from "react";
import { Maximize, Minus, Plus } from "lucide-react";
import { useTranslation } from "react-i18next";
import { cx } from "@/lib/cx";
import { PlaneView } from "./view";
import type { Rect, View } from "./view";
import s from "./Plane.module.css";

/** Something of a view that is compared by value; what reads it is drawn again when it changes, and only then. */
export function usePlane<T extends string | number | boolean>(plane: PlaneView, read: (p: PlaneView) => T): T {
  return useSyncExternalStore(plane.watch, () => read(plane));
}

/** The part that is seen, and a little more. */
export function useSeen(plane: PlaneView): Rect | null {
  const key = usePlane(plane, (p) => p.seenKey());
  return useMemo(() => PlaneView.seen(key), [key]);
}

const DRAG_PX = 4; // a press that moves less is a click

interface Props {
  plane: PlaneView;
  start: (w: number, h: number) => View;
  label: string;
  wheel: "zooms" | "scrolls"; // or the page's scrolling, where the plane is one part of many: then Ctrl with the wheel enlarges
  bounds: Rect; // what the button shows
  className?: string;
  style?: React.CSSProperties;
  onClick?: (e: React.MouseEvent, at: { x: number; y: number }) => void;
  onKeyDown?: (e: React.KeyboardEvent) => void;
  beside?: ReactNode; // what stands in the window and does not move
  children: ReactNode;
}

export function Plane({ plane, start, label, wheel, bounds, className, style, onClick, onKeyDown, beside, children }: Props) {
  const outer = useRef<HTMLDivElement>(null), layer = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const el = outer.current!, show = () => {
      const v = plane.view;
      if (v) layer.current!.style.transform = `translate(${v.x}px, ${v.y}px) scale(${v.zoom})`;
    };
    const size = () => plane.resize(el.clientWidth, el.clientHeight, start);
    size();
    show();
    const stop = plane.watch(show), watch = new ResizeObserver(size);
    watch.observe(el);
    return () => {
      stop();
      watch.disconnect();
    };
  }, [plane, start]);
  const moved = usePointers(outer, plane);
  useWheel(outer, plane, wheel);
  return (
    <div
      ref={outer} className={cx(s.window, wheel === "scrolls" && s.among, className)} style={style} role="group" aria-label={label} onKeyDown={onKeyDown}
      onDragStart={(e) => e.preventDefault()}
      onClickCapture={(e) => {
        if (!moved.current) return;
        moved.current = false;
        e.preventDefault();
        e.stopPropagation();
      }}
    >
      <div
        className={s.back}
        onClick={(e) => {
          const r = outer.current!.getBoundingClientRect();
          onClick?.(e, plane.toPlane(e.clientX - r.left, e.clientY - r.top));
        }}
      >
        <div ref={layer} className={s.layer} data-plane>{children}</div>
      </div>
      {beside}
      <Buttons plane={plane} bounds={bounds} />
    </div>
  );
}

const LARGER = 1.4;

function Buttons({ plane, bounds }: { plane: PlaneView; bounds: Rect }) {
  const { t } = useTranslation();
  const most = usePlane(plane, (p) => (p.view?.zoom ?? 1) >= p.max), least = usePlane(plane, (p) => (p.view?.zoom ?? 1) <= p.min);
  const button = (label: string, icon: ReactNode, press: () => void, disabled?: boolean) => (
    <button type="button" aria-label={label} data-tip={label} aria-disabled={disabled || undefined} onClick={press}>{icon}</button>
  );
  return (
    <div className={s.buttons} role="group" data-still aria-label={t("graph.controls")}>
      {button(t("graph.zoom_in"), <Plus size={14} aria-hidden />, () => plane.zoomTo(plane.view!.zoom * LARGER), most)}
      {button(t("graph.zoom_out"), <Minus size={14} aria-hidden />, () => plane.zoomTo(plane.view!.zoom / LARGER), least)}
      {button(t("graph.fit"), <Maximize size={13} aria-hidden />, () => plane.fit(bounds))}
    </div>
  );
}

/** One finger or the mouse moves, two enlarge. Tells whether the click that follows was the end of a move. */
function usePointers(ref: React.RefObject<HTMLDivElement | null>, plane: PlaneView) {
  const moved = useRef(false);
  useEffect(() => {
    const el = ref.current!, down = new Map<number, [number, number]>();
    let from: [number, number] = [0, 0];
    const apart = () => {
      const [a, b] = [...down.values()] as [[number, number], [number, number]];
      return { by: Math.hypot(a[0] - b[0], a[1] - b[1]), mid: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2] as [number, number] };
    };
    const press = (e: PointerEvent) => {
      if (e.button || (e.target as Element).closest("[data-still]") || down.size > 1) return;
      if (!down.size) moved.current = false;
      down.set(e.pointerId, (from = [e.clientX, e.clientY]));
    };
    const move = (e: PointerEvent) => {
      const old = down.get(e.pointerId);
      if (!old) return;
      if (down.size === 1 && !moved.current) {
        if (Math.hypot(e.clientX - from[0], e.clientY - from[1]) < DRAG_PX) return;
        moved.current = true;
        el.setPointerCapture(e.pointerId); // not before: it would take the click from what was pressed
        el.dataset.moving = "";
      }
      const before = down.size === 2 ? apart() : null;
      down.set(e.pointerId, [e.clientX, e.clientY]);
      if (!before) return plane.move(e.clientX - old[0], e.clientY - old[1]);
      moved.current = true;
      const after = apart(), r = el.getBoundingClientRect();
      plane.move(after.mid[0] - before.mid[0], after.mid[1] - before.mid[1]);
      if (before.by > 0 && plane.view) plane.zoomTo((plane.view.zoom * after.by) / before.by, [after.mid[0] - r.left, after.mid[1] - r.top]);
    };
    const up = (e: PointerEvent) => {
      if (!down.delete(e.pointerId)) return;
      delete el.dataset.moving;
      // The click comes next, if one comes at all.
      if (!down.size && moved.current) setTimeout(() => (moved.current = false));
    };
    const on = [["pointerdown", press], ["pointermove", move], ["pointerup", up], ["pointercancel", up]] as const;
    for (const [name, fn] of on) el.addEventListener(name, fn);
    return () => {
      for (const [name, fn] of on) el.removeEventListener(name, fn);
    };
  }, [ref, plane]);
  return moved;
}

function useWheel(ref: React.RefObject<HTMLDivElement | null>, plane: PlaneView, wheel: Props["wheel"]) {
  const turn = useCallback((e: WheelEvent) => {
    if (wheel === "scrolls" && !e.ctrlKey && !e.metaKey) return;
    e.preventDefault(); // which is why this listener is not React's: those are passive
    if (!plane.view) return;
    const r = ref.current!.getBoundingClientRect(), lines = e.deltaMode === WheelEvent.DOM_DELTA_LINE ? 25 : 1;
    plane.zoomTo(plane.view.zoom * 2 ** (-e.deltaY * lines * (e.ctrlKey ? 0.01 : 0.002)), [e.clientX - r.left, e.clientY - r.top]);
  }, [ref, plane, wheel]);
  useEffect(() => {
    const el = ref.current!;
    el.addEventListener("wheel", turn, { passive: false });
    return () => el.removeEventListener("wheel", turn);
  }, [ref, turn]);
}
