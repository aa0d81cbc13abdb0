/*
 * A graph that the server has laid out: boxes where it put them, arrows along its points. Pan, zoom, nothing to drag. For lazy views only.
 */
import { useEffect, useMemo } from "react";
import type { ReactNode } from "react";
import { BaseEdge, Controls, EdgeLabelRenderer, Handle, MarkerType, Position, ReactFlow, ReactFlowProvider, useReactFlow } from "@xyflow/react";
import type { Edge, EdgeProps, Node, NodeProps } from "@xyflow/react";
import { useTranslation } from "react-i18next";
import "@xyflow/react/dist/style.css";
import { cx } from "@/lib/cx";
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

export interface PlacedEdge {
  from: string;
  to: string;
  points?: readonly (readonly [number, number])[];
  label?: ReactNode;
  weight?: number; // 0 to 1: how thick
  dim?: boolean;
  strong?: boolean;
}

type BoxData = { content: ReactNode; className?: string };
type LineData = Omit<PlacedEdge, "from" | "to">;

function Box({ data }: NodeProps<Node<BoxData>>) {
  return (
    <div className={cx(s.box, data.className)}>
      <Handle type="target" position={Position.Left} className={s.handle} isConnectable={false} />
      {data.content}
      <Handle type="source" position={Position.Right} className={s.handle} isConnectable={false} />
    </div>
  );
}

const RADIUS = 8;

/** A line through points, its corners rounded. */
export function roundedPath(points: readonly (readonly [number, number])[]): string {
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

function Line({ sourceX, sourceY, targetX, targetY, data, markerEnd }: EdgeProps<Edge<LineData>>) {
  const mid = (sourceX + targetX) / 2;
  const points: readonly (readonly [number, number])[] = data?.points?.length ? data.points : [[sourceX, sourceY], [mid, sourceY], [mid, targetY], [targetX, targetY]];
  const at = middleOf(points);
  return (
    <>
      <BaseEdge path={roundedPath(points)} markerEnd={markerEnd} className={cx(s.line, data?.dim && s.dim, data?.strong && s.strong)} style={{ strokeWidth: 1.2 + 3 * (data?.weight ?? 0) }} />
      {data?.label && <EdgeLabelRenderer><div className={s.label} style={{ transform: `translate(-50%, -50%) translate(${at[0]}px, ${at[1]}px)` }}>{data.label}</div></EdgeLabelRenderer>}
    </>
  );
}

function middleOf(points: readonly (readonly [number, number])[]): readonly [number, number] {
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

const nodeTypes = { box: Box };
const edgeTypes = { line: Line };

function Fit({ on }: { on: unknown }) {
  const flow = useReactFlow();
  useEffect(() => {
    const id = requestAnimationFrame(() => void flow.fitView({ padding: 0.08, maxZoom: 1 }));
    return () => cancelAnimationFrame(id);
  }, [flow, on]);
  return null;
}

export function PlacedGraph({ nodes, edges, label, height = "28rem" }: { nodes: readonly PlacedNode[]; edges: readonly PlacedEdge[]; label: string; height?: string }) {
  const { t } = useTranslation();
  const n = useMemo<Node<BoxData>[]>(() => nodes.map((x) => ({
    id: x.id, type: "box", position: { x: x.x, y: x.y }, width: x.w, height: x.h, data: { content: x.content, className: x.className }, ariaLabel: x.label, ariaRole: "group" as const, focusable: false,
  })), [nodes]);
  const e = useMemo<Edge<LineData>[]>(() => edges.map(({ from, to, ...data }, i) => ({
    id: `${from}>${to}>${i}`, type: "line", source: from, target: to, data, focusable: false,
    markerEnd: { type: MarkerType.ArrowClosed, width: 14, height: 14, color: data.strong ? "var(--accent)" : "var(--graph-line)", markerUnits: "userSpaceOnUse" },
  })), [edges]);
  const shape = useMemo(() => nodes.map((x) => `${x.id}:${x.x},${x.y}`).join(), [nodes]);
  return (
    <div className={s.graph} style={{ height }} role="group" aria-label={label}>
      <ReactFlowProvider>
        <ReactFlow
          nodes={n} edges={e} nodeTypes={nodeTypes} edgeTypes={edgeTypes} nodesDraggable={false} nodesConnectable={false} nodesFocusable={false} edgesFocusable={false}
          elementsSelectable={false} minZoom={0.1} maxZoom={2} fitView fitViewOptions={{ padding: 0.08, maxZoom: 1 }} onlyRenderVisibleElements={nodes.length > 300} proOptions={{ hideAttribution: true }}
          preventScrolling={false} zoomOnScroll={false} zoomActivationKeyCode={["Meta", "Control"]}
          ariaLabelConfig={{ "controls.zoomIn.ariaLabel": t("graph.zoom_in"), "controls.zoomOut.ariaLabel": t("graph.zoom_out"), "controls.fitView.ariaLabel": t("graph.fit"), "controls.ariaLabel": t("graph.controls") }}
        >
          <Controls showInteractive={false} className={s.controls} />
          <Fit on={shape} />
        </ReactFlow>
      </ReactFlowProvider>
    </div>
  );
}
