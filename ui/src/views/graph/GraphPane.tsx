/*
 * A version's graph, coloured by a run. React Flow has the boxes, and only those that are seen; all edges are a handful of SVG paths below
 * them, because thousands of edge components would cost more than the whole rest.
 */
import { createContext, memo, useCallback, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { Background, ControlButton, Controls, ReactFlow, ReactFlowProvider, useReactFlow, useStore, ViewportPortal } from "@xyflow/react";
import type { Node, NodeProps } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { ChevronDown, ChevronRight, Database, Maximize } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { TaskSum } from "@/api/runs";
import { stateOf } from "@/api/states";
import { StateDot } from "@/components/StateDot";
import { cx } from "@/lib/cx";
import { around, inPlaces, layoutShown, nodeAt } from "./model";
import type { GraphAnswer, GraphNode, Shown } from "./model";
import { FarBoxes, Overview } from "./Overview";
import { groupCounts, NodeStates, useNodeState, worst } from "./states";
import type { NodeState } from "./states";
import s from "./Graph.module.css";

type BoxData = { node: GraphNode; closed: boolean };
type Box = Node<BoxData>;

const Ctx = createContext<{ states: NodeStates; toggle: (id: string) => void } | null>(null);

function tone(st: NodeState): React.CSSProperties {
  return { "--tone": st.state ? `var(--s-${st.state})` : undefined } as React.CSSProperties;
}

const TaskBox = memo(function TaskBox({ id, data }: NodeProps<Box>) {
  const { states } = useContext(Ctx)!;
  const st = useNodeState(states, id);
  const n = data.node;
  const asset = n.kind === "asset" || n.kind === "alias";
  const total = st.counts ? Object.values(st.counts).reduce((a, b) => a + b, 0) : 0;
  return (
    <div className={cx(s.node, n.mapped && s.stack, asset && s.asset, st.dim && s.dimmed, st.chosen && s.chosen, st.hit && s.hit)} style={tone(st)}>
      {asset ? <Database size={13} aria-hidden /> : st.state && <StateDot state={st.state} size={13} />}
      <span className={s.label}>{n.parent && n.label.startsWith(`${n.parent}.`) ? n.label.slice(n.parent.length + 1) : n.label}</span>
      {n.mapped && <span aria-hidden className={s.tag}>[{total || ""}]</span>}
      {(n.kind === "setup" || n.kind === "teardown") && <span aria-hidden className={s.tag}>{n.kind === "setup" ? "↗" : "↘"}</span>}
    </div>
  );
});

const GroupBox = memo(function GroupBox({ id, data }: NodeProps<Box>) {
  const { t } = useTranslation("graph");
  const { states } = useContext(Ctx)!;
  const st = useNodeState(states, id);
  const total = st.counts ? Object.values(st.counts).reduce((a, b) => a + b, 0) : 0;
  return (
    <div className={cx(s.group, data.closed && s.closed, st.dim && s.dimmed, st.chosen && s.chosen, st.hit && s.hit)} style={tone(st)}>
      <div className={s.groupHead}>
        {data.closed ? <ChevronRight size={13} aria-hidden /> : <ChevronDown size={13} aria-hidden />}
        {st.state && <StateDot state={st.state} size={12} />}
        <span className={s.label}>{data.node.label}</span>
        <span className="sr-only">{t("kind.group")}</span>
        {data.closed && total > 0 && <span aria-hidden className={s.tag}>{total}</span>}
      </div>
    </div>
  );
});

const nodeTypes = { box: TaskBox, group_: GroupBox };

/* Edges: those of one place in one path, so that what is not seen is not painted; those that are chosen in one above; labels beside them. */
const Edges = memo(function Edges({ shown, up, down, width, height }: { shown: Shown; up: Set<string> | null; down: Set<string> | null; width: number; height: number }) {
  const { plain, strong } = useMemo(() => {
    const a: Shown["edges"] = [], b: string[] = [];
    for (const e of shown.edges) {
      if ((up?.has(e.to) && up.has(e.from)) || (down?.has(e.from) && down.has(e.to))) b.push(e.path);
      else a.push(e);
    }
    return { plain: inPlaces(a), strong: b.join("") };
  }, [shown, up, down]);
  const heads = useMemo(() => shown.edges.filter((e) => e.label), [shown]);
  return (
    <ViewportPortal>
      <svg className={s.edges} width={width} height={height} aria-hidden>
        {plain.map(([place, d]) => <path key={place} className={cx(s.edge, up && s.dim)} d={d} />)}
        {strong && <path className={cx(s.edge, s.strong)} d={strong} />}
        {heads.map((e) => <text key={`${e.from} ${e.to}`} x={e.x} y={e.y - 4} className={s.edgeLabel}>{e.label}</text>)}
      </svg>
    </ViewportPortal>
  );
});

/* The whole of a small graph; of a large one its beginning, at a size that can be read. */
const READABLE = 0.75;

/* Nobody reads a box at less than FAR: it is filled. Of more than MANY, those that come into view below TOGETHER would be hundreds: they are drawn together. */
const FAR = 0.3, TOGETHER = 0.4, MANY = 300;

function Pane({ graph, tasks, chosen, onChoose, words, closed, onToggle, label }: Props) {
  const { t } = useTranslation("graph");
  const flow = useReactFlow();
  const far = useStore((st) => st.transform[2] < FAR);
  // From afar lines are to be seen too; in steps, since each draws all of them again.
  const line = useStore((st) => Math.max(1.5, 0.75 * 2 ** Math.ceil(-Math.log2(st.transform[2]))));
  const frame = useRef<HTMLDivElement>(null);
  const states = useMemo(() => new NodeStates(), []);
  const shown = useMemo(() => layoutShown(graph, closed), [graph, closed]);
  const near = useMemo(() => (chosen ? around(shown.edges, chosen) : null), [shown, chosen]);
  const toggle = useCallback((id: string) => onToggle(id), [onToggle]);
  const ctx = useMemo(() => ({ states, toggle }), [states, toggle]);

  const together = useStore((st) => st.transform[2] < TOGETHER);
  const whole = together && shown.nodes.length > MANY, alone = whole ? chosen : null;
  const nodes = useMemo<Box[]>(
    () => (whole ? shown.nodes.filter((n) => n.id === alone) : shown.nodes).map((n) => ({
      id: n.id, type: n.kind === "group" ? "group_" : "box", position: { x: n.x, y: n.y }, width: n.w, height: n.h, measured: { width: n.w, height: n.h }, handles: NONE,
      data: { node: n, closed: n.kind === "group" && closed.has(n.id) }, draggable: false, connectable: false, selectable: true, zIndex: n.kind === "group" ? 0 : 2,
      ariaRole: "button",
    })),
    [shown, closed, whole, alone],
  );

  useEffect(() => {
    const next = new Map<string, NodeState>();
    const counts = tasks ? groupCounts(graph.nodes, tasks) : null;
    const want = words.trim().toLowerCase();
    for (const n of shown.nodes) {
      const c = n.kind === "group" ? counts?.get(n.id) : tasks?.[n.id]?.n;
      next.set(n.id, {
        state: !tasks || n.kind === "asset" || n.kind === "alias" ? null : n.kind === "group" ? worst(c ?? {}) : stateOf(tasks[n.id]?.state),
        counts: c, chosen: n.id === chosen, hit: want !== "" && n.id.toLowerCase().includes(want),
        dim: near !== null && n.kind !== "group" && !near.up.has(n.id) && !near.down.has(n.id),
      });
    }
    states.replace(next);
  }, [states, shown, graph, tasks, chosen, near, words]);

  // A search goes to what it finds first.
  useEffect(() => {
    const want = words.trim().toLowerCase();
    const hit = want ? shown.nodes.find((n) => n.kind !== "group" && n.id.toLowerCase().includes(want)) ?? shown.nodes.find((n) => n.id.toLowerCase().includes(want)) : undefined;
    if (hit) void flow.setCenter(hit.x + hit.w / 2, hit.y + hit.h / 2, { zoom: Math.max(0.8, flow.getZoom()), duration: 180 });
  }, [words, shown, flow]);

  // Where one begins is known before the first box is drawn: else all would be drawn twice.
  const [view, setView] = useState<{ x: number; y: number; zoom: number } | null>(null);
  useLayoutEffect(() => {
    if (view) return;
    const el = frame.current!;
    const fit = Math.min((el.clientWidth - 48) / Math.max(1, graph.width), (el.clientHeight - 48) / Math.max(1, graph.height), 1);
    const zoom = Math.max(fit, Math.min(READABLE, 1));
    const first = graph.nodes.find((n) => n.kind !== "group");
    const y = graph.height * zoom + 48 <= el.clientHeight ? (el.clientHeight - graph.height * zoom) / 2 : el.clientHeight / 2 - ((first?.y ?? 0) + 20) * zoom;
    const x = graph.width * zoom + 48 <= el.clientWidth ? (el.clientWidth - graph.width * zoom) / 2 : 24;
    const at = chosen ? graph.nodes.find((n) => n.id === chosen) : undefined;
    setView(at && zoom > fit ? { x: el.clientWidth / 2 - (at.x + at.w / 2) * zoom, y: el.clientHeight / 2 - (at.y + at.h / 2) * zoom, zoom } : { x, y, zoom });
  }, [graph, chosen, view]);

  return (
    <Ctx.Provider value={ctx}>
      <div ref={frame} className={cx(s.frame, far && s.far)} role="group" aria-label={label} style={{ "--line": `${line}px` } as React.CSSProperties}>
        {view && <ReactFlow
          nodes={nodes} edges={NONE} nodeTypes={nodeTypes} onlyRenderVisibleElements={nodes.length > 150} nodesDraggable={false} nodesConnectable={false} elementsSelectable
          defaultViewport={view}
          minZoom={0.03} maxZoom={2} zoomOnDoubleClick={false} deleteKeyCode={null} selectionKeyCode={null} multiSelectionKeyCode={null}
          ariaLabelConfig={{ "node.a11yDescription.default": t("aria_node"), "controls.ariaLabel": t("controls"), "controls.zoomIn.ariaLabel": t("zoom_in"), "controls.zoomOut.ariaLabel": t("zoom_out"), "controls.fitView.ariaLabel": t("fit"), "minimap.ariaLabel": t("minimap") }}
          onNodeClick={(e, n) => {
            const head = (e.target as HTMLElement).closest(`.${s.groupHead}`);
            if (n.type === "group_" && (head || (n.data as BoxData).closed)) toggle(n.id);
            else onChoose(n.id);
          }}
          onPaneClick={(e) => onChoose((whole && nodeAt(shown, flow.screenToFlowPosition({ x: e.clientX, y: e.clientY }))?.id) || null)}
          onKeyDown={(e) => {
            const id = (e.target as HTMLElement).closest<HTMLElement>(".react-flow__node")?.dataset.id;
            if (!id || (e.key !== "Enter" && e.key !== " ")) return;
            e.preventDefault();
            const n = shown.nodes.find((x) => x.id === id);
            if (n?.kind === "group" && e.key === " ") toggle(id);
            else onChoose(id);
          }}
        >
          <Edges shown={shown} up={near?.up ?? null} down={near?.down ?? null} width={graph.width} height={graph.height} />
          <Background gap={24} size={1} />
          <Controls showInteractive={false} showFitView={false} position="bottom-left">
            <ControlButton aria-label={t("fit")} title={t("fit")} onClick={() => void flow.fitBounds({ x: 0, y: 0, width: graph.width, height: graph.height }, { padding: 0.05 })}><Maximize aria-hidden className={s.fit} /></ControlButton>
          </Controls>
          {whole && <FarBoxes nodes={shown.nodes} states={states} closed={closed} width={graph.width} height={graph.height} />}
          <Overview nodes={shown.nodes} states={states} closed={closed} width={graph.width} height={graph.height} />
        </ReactFlow>}
      </div>
    </Ctx.Provider>
  );
}

const NONE: [] = [];

interface Props {
  graph: GraphAnswer;
  tasks: Record<string, TaskSum> | null;
  chosen: string | null;
  onChoose: (id: string | null) => void;
  words: string;
  closed: ReadonlySet<string>;
  onToggle: (id: string) => void;
  label: string;
}

export function GraphPane(props: Props) {
  return <ReactFlowProvider><Pane {...props} /></ReactFlowProvider>;
}
