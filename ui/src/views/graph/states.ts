/* What a run's states make of a graph's boxes. */
import { stateOf } from "@/api/states";
import type { State } from "@/api/states";
import type { TaskSum } from "@/api/runs";
import type { GraphNode } from "./model";

type Counts = Record<string, number>;

/** Tasks of each group by state, nested groups included. */
export function groupCounts(nodes: readonly GraphNode[], tasks: Record<string, TaskSum>): Map<string, Counts> {
  const out = new Map<string, Counts>();
  const parent = new Map(nodes.map((n) => [n.id, n.parent]));
  for (const n of nodes) {
    if (n.kind === "group") continue;
    const st = stateOf(tasks[n.id]?.state);
    for (let g = n.parent; g != null; g = parent.get(g) ?? null) {
      const c = out.get(g) ?? {};
      c[st] = (c[st] ?? 0) + 1;
      out.set(g, c);
    }
  }
  return out;
}

const ORDER: State[] = ["failed", "upstream_failed", "up_for_retry", "up_for_reschedule", "queued", "scheduled", "deferred", "running", "restarting", "none", "success", "skipped", "removed"];
export const worst = (c: Counts): State => ORDER.find((x) => c[x]) ?? "none";

/** A run's states, asked box by box: those that are not seen cost nothing. */
export interface States {
  of: (n: GraphNode) => State | null; // null: no run is shown, or the box has none
  total: (n: GraphNode) => number; // instances of a mapped task, tasks of a group
}

export function statesOf(nodes: readonly GraphNode[], tasks: Record<string, TaskSum> | null): States {
  if (!tasks) return { of: () => null, total: () => 0 };
  const groups = groupCounts(nodes, tasks);
  const counts = (n: GraphNode): Counts | undefined => (n.kind === "group" ? groups.get(n.id) : tasks[n.id]?.n);
  return {
    of: (n) => (n.kind === "asset" || n.kind === "alias" ? null : n.kind === "group" ? worst(counts(n) ?? {}) : stateOf(tasks[n.id]?.state)),
    total: (n) => Object.values(counts(n) ?? {}).reduce((a, b) => a + b, 0),
  };
}
