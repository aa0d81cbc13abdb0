/** States of runs and task instances, in Airflow's words; null (no state yet) is shown as "none". */
export const RUN_STATES = ["queued", "running", "success", "failed"] as const;
export const TASK_STATES = [
  "none", "scheduled", "queued", "running", "success", "failed", "up_for_retry", "up_for_reschedule",
  "upstream_failed", "skipped", "deferred", "restarting", "removed",
] as const;
export type RunState = (typeof RUN_STATES)[number];
export type TaskState = (typeof TASK_STATES)[number];
export type State = RunState | TaskState | "planned";

const known = new Set<string>([...RUN_STATES, ...TASK_STATES, "planned"]);

export function stateOf(s: string | null | undefined): State {
  return s && known.has(s) ? (s as State) : "none";
}

/** The mark's colour, for canvas-free drawing: style={{ background: stateColor(s) }}. */
export function stateColor(s: string | null | undefined): string {
  return `var(--s-${stateOf(s)})`;
}

/** Whether it may still change by itself. */
export function isLive(s: string | null | undefined): boolean {
  return !["success", "failed", "skipped", "upstream_failed", "removed"].includes(stateOf(s));
}
