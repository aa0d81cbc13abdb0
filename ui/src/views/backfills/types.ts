import { api, path } from "@/api/client";

export interface Backfill {
  id: number;
  dag_id: string;
  from_date: string;
  to_date: string;
  is_paused: boolean;
  reprocess_behavior: "none" | "failed" | "completed";
  run_backwards: boolean;
  max_active_runs: number;
  dag_run_conf: Record<string, unknown> | null;
  created_at: string | null;
  completed_at: string | null;
  cancelled_at: string | null;
  created_by: string | null;
  total_runs: number;
  counts: Record<string, number>; // its runs by state; "planned": not made yet; "left": it leaves the run that there is
}

export interface BackfillRun {
  logical_date: string;
  outcome: string; // waiting, created, cleared, running …
  run_id: string | null;
  state: string | null;
  start_date: string | null;
  end_date: string | null;
}

export type Phase = "running" | "paused" | "completed" | "cancelled";

export const phaseOf = (b: Backfill): Phase => (b.cancelled_at ? "cancelled" : b.completed_at ? "completed" : b.is_paused ? "paused" : "running");

/** What is over, of all that it has. */
export function progressOf(b: Backfill): { done: number; total: number } {
  return { done: (b.counts.success ?? 0) + (b.counts.failed ?? 0) + (b.counts.left ?? 0), total: b.total_runs };
}

export const change = (b: Backfill, what: "pause" | "unpause" | "cancel") => api.put(path`/api/v2/backfills/${b.id}/` + what);
