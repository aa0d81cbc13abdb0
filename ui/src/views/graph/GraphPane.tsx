/*
 * A version's graph, coloured by a run. Only the boxes that are seen are in the page; the edges are a path for each place of the picture,
 * because thousands of elements would cost more than the whole rest.
 */
import { memo, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { ChevronDown, ChevronRight, Database } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { TaskSum } from "@/api/runs";
import type { State } from "@/api/states";
import { Plane, usePlane, useSeen } from "@/components/plane/Plane";
import { overlap, PlaneView } from "@/components/plane/view";
import type { Rect } from "@/components/plane/view";
import { StateDot } from "@/components/StateDot";
import { cx } from "@/lib/cx";
import { around, inPlaces, layoutShown, middle, nodeAt, smooth, towards } from "./model";
import type { GraphAnswer, GraphNode, Shown } from "./model";
import { FarBoxes, Overview } from "./Overview";
import { statesOf } from "./states";
import s from "./Graph.module.css";

interface BoxProps {
  node: GraphNode;
  state: State | null;
  total: number;
  closed: boolean;
  lit: boolean; // above the veil that lies on what has nothing to do with the chosen one
  chosen: boolean;
  hit: boolean; // the search found it
  hint: string; // the id of what says which keys it knows
}

const Box = memo(function Box({ node: n, state, total, closed, lit, chosen, hit, hint }: BoxProps) {
  const group = n.kind === "group";
  const style = { left: n.x, top: n.y, width: n.w, height: n.h, "--tone": state ? `var(--s-${state})` : undefined } as React.CSSProperties;
  const mark = cx(lit && s.lit, chosen && s.chosen, hit && s.hit);
  return (
    <div
      role="button" tabIndex={0} data-node={n.id} aria-describedby={hint} aria-expanded={group ? !closed : undefined} style={style}
      className={group ? cx(s.group, closed && s.closed, mark) : cx(s.node, n.mapped && s.stack, (n.kind === "asset" || n.kind === "alias") && s.asset, mark)}
    >
      {group ? <GroupHead node={n} state={state} total={total} closed={closed} /> : <TaskHead node={n} state={state} total={total} />}
    </div>
  );
});

function TaskHead({ node: n, state, total }: { node: GraphNode; state: State | null; total: number }) {
  return (
    <>
      {n.kind === "asset" || n.kind === "alias" ? <Database size={13} aria-hidden /> : state && <StateDot state={state} size={13} />}
      <span className={s.label}>{n.parent && n.label.startsWith(`${n.parent}.`) ? n.label.slice(n.parent.length + 1) : n.label}</span>
      {n.mapped && <span aria-hidden className={s.tag}>[{total || ""}]</span>}
      {(n.kind === "setup" || n.kind === "teardown") && <span aria-hidden className={s.tag}>{n.kind === "setup" ? "↗" : "↘"}</span>}
    </>
  );
}

function GroupHead({ node, state, total, closed }: { node: GraphNode; state: State | null; total: number; closed: boolean }) {
  const { t } = useTranslation("graph");
  return (
    <div className={s.groupHead} data-head>
      {closed ? <ChevronRight size={13} aria-hidden /> : <ChevronDown size={13} aria-hidden />}
      {state && <StateDot state={state} size={12} />}
      <span className={s.label}>{node.label}</span>
      <span className="sr-only">{t("kind.group")}</span>
      {closed && total > 0 && <span aria-hidden className={s.tag}>{total}</span>}
    </div>
  );
}

interface Near {
  up: Set<string>;
  down: Set<string>;
}

/* Edges: those of one place in one path, made when it is seen; labels beside them. */
const Edges = memo(function Edges({ shown, seen, width, height }: { shown: Shown; seen: Rect; width: number; height: number }) {
  const places = useMemo(() => inPlaces(shown.edges), [shown]);
  const labels = useMemo(() => shown.edges.filter((e) => e.label), [shown]);
  return (
    <svg className={s.edges} width={width} height={height} aria-hidden>
      <g>{places.filter((p) => overlap(p, seen)).map((p) => <path key={p.key} className={s.edge} d={p.path} />)}</g>
      {labels.filter((e) => overlap({ x: middle(e)[0], y: middle(e)[1], w: 1, h: 1 }, seen)).map((e) => <text key={`${e.from} ${e.to}`} x={middle(e)[0]} y={middle(e)[1] - 4} className={s.edgeLabel}>{e.label}</text>)}
    </svg>
  );
});

/* What the chosen one depends on and what depends on it: all else lies below one veil, so that a press changes few elements. */
const Chosen = memo(function Chosen({ shown, near, seen, width, height }: { shown: Shown; near: Near; seen: Rect; width: number; height: number }) {
  const path = useMemo(() => {
    const on = (e: Shown["edges"][number]) => (near.up.has(e.to) && near.up.has(e.from)) || (near.down.has(e.from) && near.down.has(e.to));
    return shown.edges.filter(on).map((e) => smooth(e.points)).join("");
  }, [shown, near]);
  return (
    <>
      <div className={s.veil} style={{ left: seen.x, top: seen.y, width: seen.w, height: seen.h }} />
      <svg className={cx(s.edges, s.above)} width={width} height={height} aria-hidden><path className={cx(s.edge, s.strong)} d={path} /></svg>
    </>
  );
});

/* The whole of a small graph; of a large one its beginning, at a size that can be read. */
const READABLE = 0.75, ROOM = 24;

/* Nobody reads a box at less than FAR: it is filled. Of more than MANY, those that come into view below TOGETHER would be hundreds: they are drawn together. */
const FAR = 0.3, TOGETHER = 0.4, MANY = 300;

function begin(graph: GraphAnswer, chosen: string | null, w: number, h: number) {
  const fit = Math.min((w - 2 * ROOM) / Math.max(1, graph.width), (h - 2 * ROOM) / Math.max(1, graph.height), 1);
  const zoom = Math.max(fit, READABLE);
  const at = chosen ? graph.nodes.find((n) => n.id === chosen) : undefined;
  if (at && zoom > fit) return { x: w / 2 - (at.x + at.w / 2) * zoom, y: h / 2 - (at.y + at.h / 2) * zoom, zoom };
  const first = graph.nodes.find((n) => n.kind !== "group");
  return {
    x: graph.width * zoom + 2 * ROOM <= w ? (w - graph.width * zoom) / 2 : ROOM,
    y: graph.height * zoom + 2 * ROOM <= h ? (h - graph.height * zoom) / 2 : h / 2 - ((first?.y ?? 0) + 20) * zoom,
    zoom,
  };
}

const ARROWS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

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

export function GraphPane({ graph, tasks, chosen, onChoose, words, closed, onToggle, label }: Props) {
  const plane = useMemo(() => new PlaneView(0.03, 2), []);
  const first = useRef(chosen);
  const start = useCallback((w: number, h: number) => begin(graph, first.current, w, h), [graph]);
  const shown = useMemo(() => layoutShown(graph, closed), [graph, closed]);
  const states = useMemo(() => statesOf(graph.nodes, tasks), [graph, tasks]);
  const near = useMemo(() => (chosen ? around(shown.edges, chosen) : null), [shown, chosen]);
  const want = words.trim().toLowerCase();
  const far = usePlane(plane, (p) => (p.view?.zoom ?? 1) < FAR);
  // From afar lines are to be seen too; in steps, since each draws all of them again.
  const line = usePlane(plane, (p) => Math.max(1.5, 0.75 * 2 ** Math.ceil(-Math.log2(p.view?.zoom ?? 1))));

  // A search goes to what it finds first.
  useEffect(() => {
    const hit = want ? shown.nodes.find((n) => n.kind !== "group" && n.id.toLowerCase().includes(want)) ?? shown.nodes.find((n) => n.id.toLowerCase().includes(want)) : undefined;
    if (hit) plane.centre(hit.x + hit.w / 2, hit.y + hit.h / 2, Math.max(0.8, plane.view?.zoom ?? 1));
  }, [want, shown, plane]);

  const press = (id: string | undefined, toggles: boolean) => {
    const n = id === undefined ? undefined : shown.nodes.find((x) => x.id === id);
    if (n?.kind === "group" && toggles) onToggle(n.id);
    else onChoose(n?.id ?? null);
  };
  const bounds = useMemo(() => ({ x: 0, y: 0, w: graph.width, h: graph.height }), [graph]);
  return (
    <Plane
      plane={plane} start={start} label={label} wheel="zooms" bounds={bounds} className={cx(s.frame, far && s.far)} style={{ "--line": `${line}px` } as React.CSSProperties}
      onClick={(e, at) => {
        const el = (e.target as Element).closest<HTMLElement>("[data-node]");
        // From afar the boxes are no elements: where one is painted, there it is pressed.
        const id = el?.dataset.node ?? (plane.view!.zoom < TOGETHER ? nodeAt(shown, at)?.id : undefined);
        press(id, (e.target as Element).closest("[data-head]") !== null || closed.has(id ?? ""));
      }}
      onKeyDown={(e) => {
        const el = (e.target as Element).closest<HTMLElement>("[data-node]"), id = el?.dataset.node, arrow = ARROWS[e.key];
        if (id === undefined || e.ctrlKey || e.metaKey || e.altKey) return;
        if (e.key === "Enter" || e.key === " ") {
          e.preventDefault();
          press(id, e.key === " ");
        } else if (arrow) {
          e.preventDefault();
          const from = shown.nodes.find((n) => n.id === id)!, to = towards(shown.nodes.filter((n) => n.kind !== "group" || closed.has(n.id)), from, ...arrow);
          if (to) reach(plane, to, e.currentTarget);
        }
      }}
      beside={<Overview nodes={shown.nodes} states={states} closed={closed} width={graph.width} height={graph.height} plane={plane} />}
    >
      <Boxes graph={graph} shown={shown} states={states} near={near} want={want} chosen={chosen} closed={closed} plane={plane} />
    </Plane>
  );
}

/** The focus goes to a box, which comes into view first: those that are not seen are not in the page. */
function reach(plane: PlaneView, to: GraphNode, frame: Element) {
  plane.reveal(to);
  requestAnimationFrame(() => frame.querySelector<HTMLElement>(`[data-node="${CSS.escape(to.id)}"]`)?.focus());
}

interface BoxesProps {
  graph: GraphAnswer;
  shown: Shown;
  states: ReturnType<typeof statesOf>;
  near: Near | null;
  want: string;
  chosen: string | null;
  closed: ReadonlySet<string>;
  plane: PlaneView;
}

function Boxes({ graph, shown, states, near, want, chosen, closed, plane }: BoxesProps) {
  const { t } = useTranslation("graph");
  const seen = useSeen(plane);
  const together = usePlane(plane, (p) => (p.view?.zoom ?? 1) < TOGETHER);
  const whole = together && shown.nodes.length > MANY;
  const dim = useCallback((id: string) => near !== null && !near.up.has(id) && !near.down.has(id), [near]);
  // The one with the focus stays in the page when it leaves the view: else the keys would go nowhere.
  const [focus, setFocus] = useState<string | null>(null);
  if (!seen) return null;
  const boxes = shown.nodes.filter((n) => n.id === focus || (whole ? n.id === chosen : overlap(n, seen)));
  return (
    <div
      onFocus={(e) => {
        const id = e.target.closest<HTMLElement>("[data-node]")?.dataset.node, n = shown.nodes.find((x) => x.id === id);
        setFocus(n?.id ?? null);
        if (n && n.kind !== "group" && e.target.matches(":focus-visible")) plane.reveal(n);
      }}
      onBlur={() => setFocus(null)}
    >
      <span id={HINT} hidden>{t("aria_node")}</span>
      {boxes.map((n) => (
        <Box
          key={n.id} node={n} state={states.of(n)} total={n.mapped || n.kind === "group" ? states.total(n) : 0} closed={closed.has(n.id)} lit={near !== null && !dim(n.id)}
          chosen={n.id === chosen} hit={want !== "" && n.id.toLowerCase().includes(want)} hint={HINT}
        />
      ))}
      <Edges shown={shown} seen={seen} width={graph.width} height={graph.height} />
      {near && <Chosen shown={shown} near={near} seen={seen} width={graph.width} height={graph.height} />}
      {whole && <FarBoxes nodes={shown.nodes} states={states} closed={closed} width={graph.width} height={graph.height} dim={dim} />}
    </div>
  );
}

const HINT = "graph-keys";
