/*
 * A graph that the server has laid out: boxes where it put them, arrows along its points. Pan, zoom, nothing to drag. For lazy views only.
 */
import { memo, useCallback, useEffect, useMemo, useRef } from "react";
import type { ReactNode } from "react";
import { cx } from "@/lib/cx";
import { Plane, useSeen } from "./plane/Plane";
import { fitted, overlap, PlaneView, ROOM } from "./plane/view";
import type { Rect, View } from "./plane/view";
import s from "./PlacedGraph.module.css";

export interface PlacedNode {
  id: string;
  x: number;
  y: number;
  w: number;
  h: number;
  content: ReactNode;
  className?: string;
  label: string; // its name for those who hear it
}

type Points = readonly (readonly [number, number])[];

export interface PlacedEdge {
  from: string;
  to: string;
  points?: Points;
  label?: ReactNode;
  weight?: number; // 0 to 1: how thick
  dim?: boolean;
}

const RADIUS = 8;

/** A line through points, its corners rounded. */
export function roundedPath(points: Points): string {
  if (points.length < 2) return "";
  let d = `M${points[0]![0]},${points[0]![1]}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [ax, ay] = points[i - 1]!, [bx, by] = points[i]!, [cx_, cy] = points[i + 1]!;
    const before = Math.hypot(bx - ax, by - ay), after = Math.hypot(cx_ - bx, cy - by), r = Math.min(RADIUS, before / 2, after / 2);
    if (!before || !after) continue;
    d += `L${bx - ((bx - ax) * r) / before},${by - ((by - ay) * r) / before}Q${bx},${by} ${bx + ((cx_ - bx) * r) / after},${by + ((cy - by) * r) / after}`;
  }
  const [x, y] = points[points.length - 1]!;
  return `${d}L${x},${y}`;
}

function middleOf(points: Points): readonly [number, number] {
  const lengths = points.slice(1).map((p, i) => Math.hypot(p[0] - points[i]![0], p[1] - points[i]![1]));
  let left = lengths.reduce((a, b) => a + b, 0) / 2;
  for (const [i, l] of lengths.entries()) {
    if (left <= l && l > 0) {
      const a = points[i]!, b = points[i + 1]!;
      return [a[0] + ((b[0] - a[0]) * left) / l, a[1] + ((b[1] - a[1]) * left) / l];
    }
    left -= l;
  }
  return points[0] ?? [0, 0];
}

interface Line extends PlacedEdge {
  points: Points;
  around: Rect;
}

/** Where an edge goes that has no points of its own: from the middle of one side to that of the other. */
function lineOf(e: PlacedEdge, byId: ReadonlyMap<string, PlacedNode>): Line | null {
  const a = byId.get(e.from), b = byId.get(e.to);
  let points = e.points;
  if (!points?.length) {
    if (!a || !b) return null;
    const x0 = a.x + a.w, y0 = a.y + a.h / 2, y1 = b.y + b.h / 2, mid = (x0 + b.x) / 2;
    points = [[x0, y0], [mid, y0], [mid, y1], [b.x, y1]];
  }
  const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]), x = Math.min(...xs), y = Math.min(...ys);
  return { ...e, points, around: { x, y, w: Math.max(1, Math.max(...xs) - x), h: Math.max(1, Math.max(...ys) - y) } };
}

const MIN = 0.1, READABLE = 0.7; // of the zoom
const NEAR = 60; // how far a label reaches from its line

const Content = memo(function Content({ nodes, edges, plane }: { nodes: readonly PlacedNode[]; edges: readonly PlacedEdge[]; plane: PlaneView }) {
  const seen = useSeen(plane);
  const lines = useMemo(() => {
    const byId = new Map(nodes.map((n) => [n.id, n]));
    return edges.map((e) => lineOf(e, byId)).filter((l) => l !== null);
  }, [nodes, edges]);
  if (!seen) return null;
  const near = { x: seen.x - NEAR, y: seen.y - NEAR, w: seen.w + 2 * NEAR, h: seen.h + 2 * NEAR };
  const shown = lines.filter((l) => overlap(l.around, near));
  return (
    <>
      <svg className={s.lines} width={1} height={1} aria-hidden>
        <defs>
          <marker id="placed-arrow" viewBox="-10 -10 20 20" markerWidth={14} markerHeight={14} orient="auto-start-reverse" refX={0} refY={0} markerUnits="userSpaceOnUse">
            <path d="M-5,-4 0,0 -5,4z" className={s.arrow} />
          </marker>
        </defs>
        {shown.map((l, i) => <path key={i} d={roundedPath(l.points)} markerEnd="url(#placed-arrow)" className={cx(s.line, l.dim && s.dim)} style={{ strokeWidth: 1.2 + 3 * (l.weight ?? 0) }} />)}
      </svg>
      {nodes.filter((n) => overlap(n, seen)).map((n) => (
        <div key={n.id} role="group" aria-label={n.label} data-node={n.id} className={cx(s.box, n.className)} style={{ left: n.x, top: n.y, width: n.w, height: n.h }}>{n.content}</div>
      ))}
      {shown.map((l, i) => {
        if (!l.label) return null;
        const [x, y] = middleOf(l.points);
        return <div key={i} className={s.label} style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}>{l.label}</div>;
      })}
    </>
  );
});

function boundsOf(nodes: readonly PlacedNode[]): Rect {
  const x = Math.min(...nodes.map((n) => n.x)), y = Math.min(...nodes.map((n) => n.y));
  return { x, y, w: Math.max(...nodes.map((n) => n.x + n.w)) - x, h: Math.max(...nodes.map((n) => n.y + n.h)) - y };
}

/** All of it; where that could not be read, its beginning. */
function begin(bounds: Rect, w: number, h: number): View {
  const all = fitted(bounds, w, h, MIN);
  if (all.zoom >= READABLE) return all;
  const left = ROOM - bounds.x * READABLE, fits = bounds.h * READABLE + 2 * ROOM <= h;
  return { x: left, y: fits ? h / 2 - (bounds.y + bounds.h / 2) * READABLE : ROOM - bounds.y * READABLE, zoom: READABLE };
}

export function PlacedGraph({ nodes, edges, label, height = "28rem" }: { nodes: readonly PlacedNode[]; edges: readonly PlacedEdge[]; label: string; height?: string }) {
  const plane = useMemo(() => new PlaneView(MIN, 2), []);
  const bounds = useMemo(() => boundsOf(nodes), [nodes]);
  const shape = useMemo(() => nodes.map((n) => `${n.id}:${n.x},${n.y}`).join(), [nodes]);
  // All of it is shown first, and again when it has another shape; what changes within stays where one has moved it.
  const start = useCallback((w: number, h: number) => begin(bounds, w, h), [bounds]);
  const last = useRef(shape);
  useEffect(() => {
    if (last.current !== shape) plane.set(begin(bounds, plane.w, plane.h));
    last.current = shape;
  }, [plane, bounds, shape]);
  return (
    <Plane plane={plane} start={start} label={label} wheel="scrolls" bounds={bounds} className={s.graph} style={{ height }}>
      <Content nodes={nodes} edges={edges} plane={plane} />
    </Plane>
  );
}
