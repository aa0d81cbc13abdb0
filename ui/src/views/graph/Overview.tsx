/* What is drawn of many boxes at once: a path a colour instead of an element a box. The map in the corner, and the whole seen from afar. */
import { memo, useMemo, useRef, useSyncExternalStore } from "react";
import { Panel, useReactFlow, useStore, ViewportPortal } from "@xyflow/react";
import { useTranslation } from "react-i18next";
import type { GraphNode } from "./model";
import type { NodeStates } from "./states";
import s from "./Graph.module.css";

const FRAME = "frame"; // of an open group: its border only

function rect(n: GraphNode): string {
  return `M${n.x} ${n.y}h${n.w}v${n.h}h${-n.w}z`;
}

/** Boxes by colour, those of one place together: what is not seen is not painted. */
function useBoxes(nodes: readonly GraphNode[], states: NodeStates, closed: ReadonlySet<string>, place: number): [string, string][] {
  const version = useSyncExternalStore(states.watchAll, states.version);
  return useMemo(() => {
    const by = new Map<string, string>();
    for (const n of nodes) {
      const st = states.get(n.id);
      const tone = n.kind === "group" && !closed.has(n.id) ? FRAME : st.dim ? "var(--border)" : st.state && st.state !== "none" ? `var(--s-${st.state})` : "var(--border-strong)";
      const key = `${tone} ${Math.floor(n.x / place)} ${Math.floor(n.y / place)}`;
      by.set(key, (by.get(key) ?? "") + rect(n));
    }
    return [...by];
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the version stands for what the states hold
  }, [nodes, states, closed, place, version]);
}

const Boxes = memo(function Boxes({ list }: { list: readonly [string, string][] }) {
  return list.map(([key, d]) => {
    const tone = key.split(" ")[0]!;
    return <path key={key} d={d} className={tone === FRAME ? s.farFrame : undefined} style={tone === FRAME ? undefined : { fill: tone }} />;
  });
});

interface Props {
  nodes: readonly GraphNode[];
  states: NodeStates;
  closed: ReadonlySet<string>;
  width: number;
  height: number;
}

/** All boxes, in the place of React Flow's, where so many are seen that none can be read. */
export function FarBoxes({ nodes, states, closed, width, height }: Props) {
  const list = useBoxes(nodes, states, closed, 1500);
  return <ViewportPortal><svg className={s.farBoxes} width={width} height={height} aria-hidden><Boxes list={list} /></svg></ViewportPortal>;
}

const MAP_W = 160, MAP_H = 100;

/** The map in the corner: shows what is seen of the whole; a press or a drag goes there, the wheel zooms. */
export function Overview({ nodes, states, closed, width, height }: Props) {
  const { t } = useTranslation("graph");
  const flow = useReactFlow();
  const list = useBoxes(nodes, states, closed, Infinity);
  const [x, y, zoom] = useStore((st) => st.transform);
  const w = useStore((st) => st.width), h = useStore((st) => st.height);
  const svg = useRef<SVGSVGElement>(null);
  const scale = Math.max(width / MAP_W, height / MAP_H, 0.01);
  const box = { x: (width - MAP_W * scale) / 2, y: (height - MAP_H * scale) / 2, w: MAP_W * scale, h: MAP_H * scale };
  const seen = { x: -x / zoom, y: -y / zoom, w: w / zoom, h: h / zoom };
  const go = (e: React.PointerEvent) => {
    const r = svg.current!.getBoundingClientRect();
    void flow.setCenter(box.x + ((e.clientX - r.left) / r.width) * box.w, box.y + ((e.clientY - r.top) / r.height) * box.h, { zoom });
  };
  return (
    <Panel position="bottom-right" className="react-flow__minimap">
      <svg
        ref={svg} className={s.map} width={MAP_W} height={MAP_H} viewBox={`${box.x} ${box.y} ${box.w} ${box.h}`} role="img" aria-label={t("minimap")}
        onPointerDown={(e) => {
          e.currentTarget.setPointerCapture(e.pointerId);
          go(e);
        }}
        onPointerMove={(e) => e.buttons & 1 && go(e)}
        onWheel={(e) => void flow.zoomTo(zoom * 2 ** (-e.deltaY * 0.002))}
      >
        <Boxes list={list} />
        <path className={s.mapMask} fillRule="evenodd" d={`M${box.x} ${box.y}h${box.w}v${box.h}h${-box.w}zM${seen.x} ${seen.y}h${seen.w}v${seen.h}h${-seen.w}z`} />
      </svg>
    </Panel>
  );
}
