import { describe, expect, it } from "vitest";
import { around, inPlaces, layoutShown, nodeAt, smooth, towards } from "./model";
import type { GraphAnswer, GraphNode } from "./model";
import { groupCounts, statesOf, worst } from "./states";

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

it("edges of one place are one path, none is lost, and a place is as large as what is in it", () => {
  const edge = (...points: [number, number][]) => ({ from: "a", to: "b", points, label: null });
  const places = inPlaces([edge([0, 0], [10, 0]), edge([5000, 5], [5010, 5]), edge([0, 30], [20, 10])]);
  expect(places.map((p) => p.path).sort()).toEqual(["M0 0H10M0 30C10 30 10 10 20 10", "M5000 5H5010"]);
  expect(places.map(({ x, y, w, h }) => [x, y, w, h])).toEqual([[0, 0, 20, 30], [5000, 5, 10, 1]]);
});

it("the next box in a direction", () => {
  const boxes = [[0, 0], [200, 0], [200, 60], [400, 90], [0, 60]].map(([x, y], i) => ({ ...node(`n${i}`, x!), y: y! }));
  const next = (i: number, dx: number, dy: number) => towards(boxes, boxes[i]!, dx, dy)?.id;
  expect(next(0, 1, 0)).toBe("n1");
  expect(next(1, 0, 1)).toBe("n2");
  expect(next(2, 1, 0)).toBe("n3");
  expect(next(3, -1, 0)).toBe("n2");
  expect(next(4, 0, -1)).toBe("n0");
  expect(next(3, 1, 0)).toBeUndefined();
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
  it("are those of the box, its instances or what is in it", () => {
    const sum = (state: string | null, n?: Record<string, number>) => ({ state, try: 1, start_date: null, end_date: null, queued_at: null, operator: null, n });
    const st = statesOf(graph.nodes, { "g.in.b": sum("failed"), "g.c": sum(null), a: sum("running", { success: 2, running: 3 }) });
    const [g, , a] = graph.nodes;
    expect([st.of(g!), st.total(g!), st.of(a!), st.total(a!)]).toEqual(["failed", 2, "running", 5]);
    expect(statesOf(graph.nodes, null).of(a!)).toBeNull();
  });
});
