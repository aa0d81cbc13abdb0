import { describe, expect, it } from "vitest";
import { around, inPlaces, layoutShown, nodeAt, smooth } from "./model";
import type { GraphAnswer, GraphNode } from "./model";
import { groupCounts, NodeStates, worst } from "./states";

const node = (id: string, x: number, parent: string | null = null, kind: GraphNode["kind"] = "task"): GraphNode => ({ id, label: id, x, y: 0, w: 100, h: 40, kind, operator: null, mapped: false, parent });
const graph: GraphAnswer = {
  version: 1, width: 900, height: 100,
  nodes: [{ ...node("g", 190, null, "group"), w: 400, h: 100 }, { ...node("g.in", 200, "g", "group"), w: 200, h: 60 }, node("a", 0), node("g.in.b", 210, "g.in"), node("g.c", 450, "g"), node("d", 700)],
  edges: [["a", "g.in.b"], ["a", "g.c"], ["g.in.b", "g.c"], ["g.c", "d"]].map(([from, to]) => ({ from: from!, to: to!, points: [[0, 0], [10, 0]], label: null })),
};

describe("closed groups", () => {
  const pairs = (closed: string[]) => layoutShown(graph, new Set(closed)).edges.map((e) => `${e.from}>${e.to}`);
  it("stand for what is in them, the outermost first", () => {
    expect(pairs([])).toEqual(["a>g.in.b", "a>g.c", "g.in.b>g.c", "g.c>d"]);
    expect(pairs(["g.in"])).toEqual(["a>g.in", "a>g.c", "g.in>g.c", "g.c>d"]);
    expect(pairs(["g"])).toEqual(["a>g", "g>d"]);
    expect(pairs(["g", "g.in"])).toEqual(["a>g", "g>d"]);
  });
  it("hide their boxes and lie within their frame", () => {
    const { nodes } = layoutShown(graph, new Set(["g"]));
    expect(nodes.map((n) => n.id)).toEqual(["g", "a", "d"]);
    const g = nodes[0]!;
    expect(g.x >= 190 && g.x + g.w <= 590 && g.y >= 0 && g.y + g.h <= 100).toBe(true);
  });
});

it("what is up and down of a box", () => {
  const { edges } = layoutShown(graph, new Set());
  const { up, down } = around(edges, "g.c");
  expect([...up].sort()).toEqual(["a", "g.c", "g.in.b"]);
  expect([...down].sort()).toEqual(["d", "g.c"]);
});

it("the box at a point is the innermost", () => {
  const at = (closed: string[], x: number, y: number) => nodeAt(layoutShown(graph, new Set(closed)), { x, y })?.id;
  expect(at([], 215, 5)).toBe("g.in.b");
  expect(at([], 350, 5)).toBe("g.in");
  expect(at([], 570, 90)).toBe("g");
  expect(at(["g.in"], 300, 30)).toBe("g.in");
  expect(at([], 650, 5)).toBeUndefined();
});

it("edges of one place are one path, and none is lost", () => {
  const edge = (x: number, y: number, path: string) => ({ from: "a", to: "b", path, label: null, x, y });
  const places = inPlaces([edge(10, 10, "M0 0H1"), edge(5000, 10, "M0 0H2"), edge(20, 30, "M0 0H3")]);
  expect(places.map(([, d]) => d).sort()).toEqual(["M0 0H1M0 0H3", "M0 0H2"]);
});

it("a line that stays level is straight", () => {
  expect(smooth([[0, 5], [10, 5]])).toBe("M0 5H10");
  expect(smooth([[0, 0], [10, 20]])).toBe("M0 0C5 0 5 20 10 20");
});

describe("states", () => {
  it("of groups count their tasks at all depths", () => {
    const sum = (state: string | null) => ({ state, try: 1, start_date: null, end_date: null, queued_at: null, operator: null });
    const c = groupCounts(graph.nodes, { "g.in.b": sum("failed"), "g.c": sum(null), a: sum("success") });
    expect(c.get("g")).toEqual({ failed: 1, none: 1 });
    expect(c.get("g.in")).toEqual({ failed: 1 });
    expect(worst({ success: 3, running: 1 })).toBe("running");
    expect(worst({})).toBe("none");
  });
  it("that change are told to their own node alone", () => {
    const s = new NodeStates();
    const told: string[] = [];
    s.watch("a", () => told.push("a"));
    s.watch("d", () => told.push("d"));
    const st = { state: "running" as const, dim: false, chosen: false, hit: false };
    s.replace(new Map([["a", st]]));
    s.replace(new Map([["a", { ...st }]]));
    expect(told).toEqual(["a"]);
    s.replace(new Map());
    expect(told).toEqual(["a", "a"]);
  });
});
