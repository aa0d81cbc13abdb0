/*
 * The graph as it is drawn. Where things stand comes from the server and never changes for a version; here groups are closed and opened, edges
 * find the box that stands for a task in a closed group, and neighbours are looked up.
 */
import type { Rect } from "@/components/plane/view";

export interface GraphNode {
  id: string;
  label: string;
  x: number;
  y: number;
  w: number;
  h: number;
  kind: "task" | "group" | "setup" | "teardown" | "asset" | "alias" | "dag";
  operator: string | null;
  mapped: boolean;
  parent: string | null;
}

export interface GraphEdge {
  from: string;
  to: string;
  points: [number, number][];
  label: string | null;
}

export interface GraphAnswer {
  version: number;
  width: number;
  height: number;
  nodes: GraphNode[];
  edges: GraphEdge[];
}

export interface Shown {
  nodes: GraphNode[]; // groups before what is in them
  edges: ShownEdge[];
}

export interface ShownEdge {
  from: string;
  to: string;
  points: readonly [number, number][];
  label: string | null;
}

export const CLOSED_H = 44;

/** A group that is closed: a box of a task's height in the middle of its frame. */
function closedBox(n: GraphNode): GraphNode {
  const h = Math.min(CLOSED_H, n.h), w = Math.min(n.w, Math.max(150, n.label.length * 8 + 70));
  return { ...n, x: n.x + (n.w - w) / 2, y: n.y + (n.h - h) / 2, w, h };
}

/** A line through points with round corners: each way station is passed horizontally. */
export function smooth(p: readonly [number, number][]): string {
  let d = `M${p[0]![0]} ${p[0]![1]}`;
  for (let i = 1; i < p.length; i++) {
    const [x0, y0] = p[i - 1]!, [x1, y1] = p[i]!;
    if (Math.abs(y1 - y0) < 1) d += `H${x1}`;
    else {
      const m = (x0 + x1) / 2;
      d += `C${m} ${y0} ${m} ${y1} ${x1} ${y1}`;
    }
  }
  return d;
}

export function layoutShown(g: GraphAnswer, closed: ReadonlySet<string>): Shown {
  const byId = new Map(g.nodes.map((n) => [n.id, n]));
  /* The box that stands for a node: itself, or the outermost closed group around it. */
  const standsFor = new Map<string, string>();
  const find = (id: string): string => {
    const known = standsFor.get(id);
    if (known !== undefined) return known;
    const n = byId.get(id);
    const above = n?.parent != null ? find(n.parent) : null;
    const is = above !== null && above !== n!.parent ? above : n?.parent != null && closed.has(n.parent) ? n.parent : id;
    standsFor.set(id, is);
    return is;
  };
  const nodes = g.nodes.filter((n) => find(n.id) === n.id).map((n) => (n.kind === "group" && closed.has(n.id) ? closedBox(n) : n));
  const box = new Map(nodes.map((n) => [n.id, n]));
  const seen = new Set<string>();
  const edges: Shown["edges"] = [];
  for (const e of g.edges) {
    const from = find(e.from), to = find(e.to);
    if (from === to) continue;
    const key = `${from}\n${to}`;
    const own = from === e.from && to === e.to;
    if (!own && seen.has(key)) continue;
    seen.add(key);
    let points = e.points;
    if (!own) {
      const a = box.get(from), b = box.get(to);
      if (!a || !b) continue;
      const start: [number, number] = [a.x + a.w, a.y + a.h / 2], end: [number, number] = [b.x, b.y + b.h / 2];
      points = start[0] < end[0] ? [start, ...e.points.slice(1, -1).filter(([x]) => x > start[0] && x < end[0]), end] : [start, end];
    }
    edges.push({ from, to, points, label: e.label });
  }
  return { nodes, edges };
}

const PLACE = 700;

/** Edges whose middles are near each other: one path, which is made when it is seen for the first time. */
export class Place implements Rect {
  x = Infinity;
  y = Infinity;
  w = 0;
  h = 0;
  readonly edges: ShownEdge[] = [];
  private made: string | null = null;

  constructor(readonly key: string) {}

  add(e: ShownEdge) {
    this.edges.push(e);
    let right = this.x + this.w, low = this.y + this.h;
    if (this.edges.length === 1) right = low = -Infinity;
    for (const [x, y] of e.points) {
      this.x = Math.min(this.x, x);
      this.y = Math.min(this.y, y);
      right = Math.max(right, x);
      low = Math.max(low, y);
    }
    // A level line has no height, and is seen all the same.
    this.w = Math.max(1, right - this.x);
    this.h = Math.max(1, low - this.y);
  }

  get path(): string {
    return (this.made ??= this.edges.map((e) => smooth(e.points)).join(""));
  }
}

export const middle = (e: ShownEdge) => e.points[e.points.length >> 1]!;

export function inPlaces(edges: readonly ShownEdge[]): Place[] {
  const by = new Map<string, Place>();
  for (const e of edges) {
    const [x, y] = middle(e), key = `${Math.floor(x / PLACE)} ${Math.floor(y / PLACE)}`;
    let place = by.get(key);
    if (!place) by.set(key, (place = new Place(key)));
    place.add(e);
  }
  return [...by.values()];
}

/** The next box in a direction: the one that is least far, where sideways counts double. */
export function towards(nodes: readonly GraphNode[], from: GraphNode, dx: number, dy: number): GraphNode | undefined {
  const mx = from.x + from.w / 2, my = from.y + from.h / 2;
  let best: GraphNode | undefined, least = Infinity;
  for (const n of nodes) {
    if (n === from) continue;
    const x = n.x + n.w / 2 - mx, y = n.y + n.h / 2 - my, ahead = x * dx + y * dy, beside = Math.abs(x * dy) + Math.abs(y * dx);
    const far = ahead + 2 * beside;
    if (ahead > 1 && beside <= 4 * ahead && far < least) [best, least] = [n, far];
  }
  return best;
}

/** The box at a point: what is in a group before the group. */
export function nodeAt(shown: Shown, p: { x: number; y: number }): GraphNode | undefined {
  return shown.nodes.findLast((n) => p.x >= n.x && p.x < n.x + n.w && p.y >= n.y && p.y < n.y + n.h);
}

/** All that a box depends on (up) or that depends on it (down), itself included. */
export function around(edges: Shown["edges"], id: string): { up: Set<string>; down: Set<string> } {
  const before = new Map<string, string[]>(), after = new Map<string, string[]>();
  for (const e of edges) {
    (after.get(e.from) ?? after.set(e.from, []).get(e.from)!).push(e.to);
    (before.get(e.to) ?? before.set(e.to, []).get(e.to)!).push(e.from);
  }
  const walk = (next: Map<string, string[]>) => {
    const seen = new Set([id]), todo = [id];
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      for (const n of next.get(at) ?? []) {
        if (!seen.has(n)) {
          seen.add(n);
          todo.push(n);
        }
      }
    }
    return seen;
  };
  return { up: walk(before), down: walk(after) };
}
