import { describe, expect, it } from "vitest";
import { decodeGrid, patchCell, shares, shortLabel, visibleRows } from "./decode";
import type { GridAnswer, GridTask } from "./decode";

const task = (id: string, parent: number, depth: number, more: Partial<GridTask> = {}): GridTask => ({
  id, label: id, parent, depth, group: false, mapped: false, setup: false, teardown: false, operator: "bash", ...more,
});
const run = (run_id: string) => ({ run_id, state: "running", run_type: "manual", run_after: "2026-01-01T00:00:00Z", logical_date: null, start_date: null, end_date: null, version: 1, note: false });
const answer: GridAnswer = {
  version: 1, letters: { s: "success", f: "failed", r: "running", "-": null }, counts: {},
  tasks: [
    task("g", -1, 0, { group: true }), task("g.a", 0, 1), task("g.in", 0, 1, { group: true }), task("g.in.b", 2, 2), task("c", -1, 0), task("m", -1, 0, { mapped: true }),
  ],
  runs: [run("r1"), run("r2")], cells: ["ssssss", "f-r--s"],
};
const ids = (closed: string[], words = "") => {
  const g = decodeGrid(answer);
  return Array.from(visibleRows(g, new Set(closed), words), (i) => g.tasks[i]!.id);
};

describe("the grid's rows", () => {
  it("end where what is below them ends", () => {
    expect([...decodeGrid(answer).end]).toEqual([4, 2, 4, 4, 5, 6]);
  });
  it("of closed groups are not seen", () => {
    expect(ids([])).toEqual(["g", "g.a", "g.in", "g.in.b", "c", "m"]);
    expect(ids(["g.in"])).toEqual(["g", "g.a", "g.in", "c", "m"]);
    expect(ids(["g", "g.in"])).toEqual(["g", "c", "m"]);
  });
  it("that a search finds come with their groups, closed or not", () => {
    expect(ids(["g"], "IN.B")).toEqual(["g", "g.in", "g.in.b"]);
    expect(ids([], "g a")).toEqual(["g", "g.a"]);
    expect(ids([], "nothing")).toEqual([]);
  });
  it("are named without their group", () => {
    const g = decodeGrid(answer);
    expect(g.tasks.map((t) => shortLabel(g, t))).toEqual(["g", "a", "in", "b", "c", "m"]);
  });
});

describe("a cell that changes", () => {
  const g = decodeGrid(answer);
  it("is changed alone, in a grid of its own", () => {
    const next = patchCell(g, "r2", "c", "running")!;
    expect(next.cells).toEqual(["ssssss", "f-r-rs"]);
    expect(next.cells[0]).toBe(g.cells[0]);
    expect(g.cells[1]).toBe("f-r--s");
  });
  it("to the same is no change", () => expect(patchCell(g, "r1", "c", "success")).toBe(g));
  it("loses its state", () => expect(patchCell(g, "r1", "c", null)!.cells[0]).toBe("ssss-s"));
  it("is not known from here: mapped tasks, groups, other runs", () => {
    expect(patchCell(g, "r1", "m", "failed")).toBeNull();
    expect(patchCell(g, "r1", "g", "failed")).toBeNull();
    expect(patchCell(g, "r3", "c", "failed")).toBeNull();
    expect(patchCell(g, "r1", "none", "failed")).toBeNull();
  });
});

it("shares go from the worst to the best and fill the whole", () => {
  const s = shares({ success: 6, failed: 2, running: 2 });
  expect(s.map((x) => x.state)).toEqual(["failed", "running", "success"]);
  expect(s[0]!.from).toBe(0);
  expect(s[2]!.to).toBeCloseTo(1);
  expect(shares(undefined)).toEqual([]);
});
