/* What is drawn of many boxes at once: a path a colour instead of an element a box. The map in the corner, and the whole seen from afar. */
import { memo, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { usePlane } from "@/components/plane/Plane";
import type { PlaneView } from "@/components/plane/view";
import type { GraphNode } from "./model";
import type { States } from "./states";
import s from "./Graph.module.css";

const FRAME = "frame"; // of an open group: its border only

function rect(n: GraphNode): string {
  return `M${n.x} ${n.y}h${n.w}v${n.h}h${-n.w}z`;
}

/** Boxes by colour, those of one place together: what is not seen is not painted. */
function useBoxes(nodes: readonly GraphNode[], states: States, closed: ReadonlySet<string>, place: number, dim: (id: string) => boolean): [string, string][] {
  return useMemo(() => {
    const by = new Map<string, string[]>();
    for (const n of nodes) {
      const open = n.kind === "group" && !closed.has(n.id), st = open ? null : states.of(n);
      const tone = open ? FRAME : dim(n.id) ? "var(--border)" : st && st !== "none" ? `var(--s-${st})` : "var(--border-strong)";
      const key = `${tone} ${Math.floor(n.x / place)} ${Math.floor(n.y / place)}`;
      const list = by.get(key);
      if (list) list.push(rect(n));
      else by.set(key, [rect(n)]);
    }
    return [...by].map(([key, list]) => [key, list.join("")]);
  }, [nodes, states, closed, place, dim]);
}

const Boxes = memo(function Boxes({ list }: { list: readonly [string, string][] }) {
  return list.map(([key, d]) => {
    const tone = key.split(" ")[0]!;
    return <path key={key} d={d} className={tone === FRAME ? s.farFrame : undefined} style={tone === FRAME ? undefined : { fill: tone }} />;
  });
});

interface Props {
  nodes: readonly GraphNode[];
  states: States;
  closed: ReadonlySet<string>;
  width: number;
  height: number;
}

/** All boxes, in the place of those that can be pressed, where so many are seen that none can be read. */
export function FarBoxes({ nodes, states, closed, width, height, dim }: Props & { dim: (id: string) => boolean }) {
  const list = useBoxes(nodes, states, closed, 1500, dim);
  return <svg className={s.farBoxes} width={width} height={height} aria-hidden><Boxes list={list} /></svg>;
}

const MAP_W = 160, MAP_H = 100;
const none = () => false;

/** The map in the corner: shows what is seen of the whole; a press or a drag goes there, the wheel zooms. */
export const Overview = memo(function Overview({ nodes, states, closed, width, height, plane }: Props & { plane: PlaneView }) {
  const { t } = useTranslation("graph");
  const list = useBoxes(nodes, states, closed, Infinity, none);
  const svg = useRef<SVGSVGElement>(null);
  const scale = Math.max(width / MAP_W, height / MAP_H, 0.01);
  const box = { x: (width - MAP_W * scale) / 2, y: (height - MAP_H * scale) / 2, w: MAP_W * scale, h: MAP_H * scale };
  const go = (e: React.PointerEvent) => {
    const r = svg.current!.getBoundingClientRect();
    plane.centre(box.x + ((e.clientX - r.left) / r.width) * box.w, box.y + ((e.clientY - r.top) / r.height) * box.h);
  };
  return (
    <div className={s.overview} data-still>
      <svg
        ref={svg} className={s.map} width={MAP_W} height={MAP_H} viewBox={`${box.x} ${box.y} ${box.w} ${box.h}`} role="img" aria-label={t("minimap")}
        onPointerDown={(e) => {
          e.currentTarget.setPointerCapture(e.pointerId);
          go(e);
        }}
        onPointerMove={(e) => e.buttons & 1 && go(e)}
      >
        <Boxes list={list} />
        <Mask plane={plane} box={`M${box.x} ${box.y}h${box.w}v${box.h}h${-box.w}z`} />
      </svg>
    </div>
  );
});

/** All but what is seen; drawn at each move, and nothing else of the map. */
function Mask({ plane, box }: { plane: PlaneView; box: string }) {
  const seen = usePlane(plane, ({ view, w, h }) => (view ? `M${-view.x / view.zoom} ${-view.y / view.zoom}h${w / view.zoom}v${h / view.zoom}h${-w / view.zoom}z` : ""));
  return <path className={s.mapMask} fillRule="evenodd" d={box + seen} />;
}
