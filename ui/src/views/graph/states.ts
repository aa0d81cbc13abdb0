/* States of a run's tasks, kept beside the nodes: a change draws one node, not the graph. */
import { useSyncExternalStore } from "react";
import { stateOf } from "@/api/states";
import type { State } from "@/api/states";
import type { TaskSum } from "@/api/runs";
import type { GraphNode } from "./model";

export interface NodeState {
  state: State | null; // null: no run is shown
  counts?: Record<string, number>;
  dim: boolean;
  chosen: boolean;
  hit: boolean; // the search found it
}

const PLAIN: NodeState = { state: null, dim: false, chosen: false, hit: false };
const same = (a: NodeState, b: NodeState) =>
  a.state === b.state && a.dim === b.dim && a.chosen === b.chosen && a.hit === b.hit && JSON.stringify(a.counts) === JSON.stringify(b.counts);

export class NodeStates {
  private readonly all = new Map<string, NodeState>();
  private readonly watchers = new Map<string, Set<() => void>>();

  private readonly all_ = new Set<() => void>();
  private changes = 0;

  /** How often anything changed, and who wants to hear of it. */
  version = () => this.changes;
  watchAll = (fn: () => void) => {
    this.all_.add(fn);
    return () => void this.all_.delete(fn);
  };

  get(id: string): NodeState {
    return this.all.get(id) ?? PLAIN;
  }

  watch(id: string, fn: () => void) {
    const set = this.watchers.get(id) ?? new Set();
    set.add(fn);
    this.watchers.set(id, set);
    return () => void set.delete(fn);
  }

  replace(next: ReadonlyMap<string, NodeState>) {
    const before = this.changes;
    for (const id of new Set([...this.all.keys(), ...next.keys()])) {
      const n = next.get(id) ?? PLAIN;
      if (same(this.get(id), n)) continue;
      this.all.set(id, n);
      this.changes++;
      this.watchers.get(id)?.forEach((fn) => fn());
    }
    if (this.changes !== before) this.all_.forEach((fn) => fn());
  }
}

export function useNodeState(states: NodeStates, id: string): NodeState {
  return useSyncExternalStore((fn) => states.watch(id, fn), () => states.get(id));
}

/** Tasks of each group by state, nested groups included. */
export function groupCounts(nodes: readonly GraphNode[], tasks: Record<string, TaskSum>): Map<string, Record<string, number>> {
  const out = new Map<string, Record<string, number>>();
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
export const worst = (c: Record<string, number>): State => ORDER.find((x) => c[x]) ?? "none";
