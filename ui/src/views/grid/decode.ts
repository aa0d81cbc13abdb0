/*
 * The grid's answer as the page works with it. A cell is one letter: rows are compared as short strings, so that what did not change is not
 * drawn again.
 */
import { stateOf } from "@/api/states";
import type { State } from "@/api/states";

export interface GridTask {
  id: string;
  label: string;
  parent: number; // a row, or -1
  depth: number;
  group: boolean;
  mapped: boolean;
  setup: boolean;
  teardown: boolean;
  operator: string | null;
}

export interface GridRun {
  run_id: string;
  state: string;
  run_type: string;
  run_after: string;
  logical_date: string | null;
  start_date: string | null;
  end_date: string | null;
  version: number;
  note: boolean;
}

export type Counts = Record<string, number>;

export interface GridAnswer {
  version: number;
  tasks: GridTask[];
  runs: GridRun[];
  letters: Record<string, string | null>;
  cells: string[]; // one a run, one letter a task
  counts: Record<string, Record<string, Counts>>; // by run and row: groups and mapped tasks
}

export interface Grid extends GridAnswer {
  row: Map<string, number>; // by task id
  end: Int32Array; // by row: the first one that is not below it
  states: Record<string, State>; // by letter
  letterOf: Map<State, string>;
  took: number; // milliseconds to ask for it
}

export function decodeGrid(a: GridAnswer, took = 0): Grid {
  const n = a.tasks.length;
  const row = new Map<string, number>();
  const end = new Int32Array(n);
  for (let i = n - 1; i >= 0; i--) {
    end[i] = Math.max(end[i]!, i + 1);
    const p = a.tasks[i]!.parent;
    if (p >= 0) end[p] = Math.max(end[p]!, end[i]!);
  }
  a.tasks.forEach((t, i) => row.set(t.id, i));
  const states: Record<string, State> = { "-": "none" };
  const letterOf = new Map<State, string>();
  for (const [letter, state] of Object.entries(a.letters)) {
    states[letter] = stateOf(state);
    letterOf.set(stateOf(state), letter);
  }
  return { ...a, row, end, states, letterOf, took };
}

/** The rows that are seen: not those in closed groups; with words, those whose id has them all, and the groups that they are in. */
export function visibleRows(g: Grid, closed: ReadonlySet<string>, words: string): Int32Array {
  const n = g.tasks.length;
  const want = words.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const out = new Int32Array(n);
  let len = 0;
  if (want.length) {
    const take = new Uint8Array(n);
    for (let i = n - 1; i >= 0; i--) {
      const t = g.tasks[i]!;
      const text = `${t.id} ${t.label}`.toLowerCase();
      if (!take[i] && want.every((w) => text.includes(w))) take[i] = 1;
      if (take[i] && t.parent >= 0) take[t.parent] = 1;
    }
    for (let i = 0; i < n; i++) if (take[i]) out[len++] = i;
  } else {
    for (let i = 0; i < n; ) {
      out[len++] = i;
      i = closed.has(g.tasks[i]!.id) ? g.end[i]! : i + 1;
    }
  }
  return out.subarray(0, len);
}

/** What a task is called below its group: without the group's name before it. */
export function shortLabel(g: Pick<Grid, "tasks">, t: GridTask): string {
  const group = t.parent >= 0 ? g.tasks[t.parent]!.id : "";
  return group && t.label.startsWith(`${group}.`) ? t.label.slice(group.length + 1) : t.label;
}

/** The same grid with one cell changed; null where it has no such cell, or one that a letter does not tell (mapped tasks). */
export function patchCell(g: Grid, run: string, task: string, state: string | null | undefined): Grid | null {
  const r = g.runs.findIndex((x) => x.run_id === run), i = g.row.get(task);
  if (r < 0 || i === undefined || g.tasks[i]!.mapped || g.tasks[i]!.group) return null;
  const letter = g.letterOf.get(stateOf(state)) ?? "-";
  const line = g.cells[r]!;
  if (line[i] === letter) return g;
  const cells = g.cells.slice();
  cells[r] = line.slice(0, i) + letter + line.slice(i + 1);
  return { ...g, cells };
}

/** Shares of states, for a bar: the worst first. */
const ORDER: State[] = [
  "failed", "upstream_failed", "up_for_retry", "restarting", "running", "deferred", "up_for_reschedule", "queued", "scheduled", "none", "success", "skipped", "removed",
];

export function shares(c: Counts | undefined): { state: State; n: number; from: number; to: number }[] {
  if (!c) return [];
  const total = Object.values(c).reduce((a, b) => a + b, 0);
  let at = 0;
  const byState = new Map<State, number>();
  for (const [k, v] of Object.entries(c)) byState.set(stateOf(k), (byState.get(stateOf(k)) ?? 0) + v);
  return ORDER.flatMap((state) => {
    const n = byState.get(state) ?? 0;
    if (!n) return [];
    const from = at;
    at += n / total;
    return [{ state, n, from, to: at }];
  });
}
