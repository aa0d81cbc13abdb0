/* Runs and task instances: their types, their addresses in the page, and the queries that several views share. */
import { useQuery } from "@tanstack/react-query";
import { api, path } from "@/api/client";
import { useLive } from "@/api/events";
import { keys } from "@/api/keys";
import { useSession } from "@/api/session";
import { isLive } from "@/api/states";
import type { DagRun as Run, DagVersion } from "@/api/types";

/** A run, with what only its own page shows. */
export interface DagRun extends Run {
  partition_key?: string | null;
}

export interface TaskInstance {
  id: string;
  task_id: string;
  task_display_name: string;
  dag_id: string;
  dag_run_id: string;
  map_index: number;
  logical_date: string | null;
  start_date: string | null;
  end_date: string | null;
  duration: number | null;
  state: string | null;
  try_number: number;
  max_tries: number;
  hostname: string | null;
  pid: number | null;
  pool: string;
  pool_slots: number;
  queue: string | null;
  priority_weight: number | null;
  operator: string | null;
  operator_name: string | null;
  executor: string | null;
  scheduled_when: string | null;
  queued_when: string | null;
  note: string | null;
  rendered_map_index: string | null;
  rendered_fields: Record<string, unknown> | null;
  state_reason?: string | null;
  dag_version: DagVersion | null;
}

/** The sum of a task's instances in one run. */
export interface TaskSum {
  state: string | null;
  n?: Record<string, number>;
  try: number;
  start_date: string | null;
  end_date: string | null;
  queued_at: string | null;
  operator: string | null;
}

export interface RunStates {
  run_id: string;
  state: string;
  start_date: string | null;
  end_date: string | null;
  version: number;
  tasks: Record<string, TaskSum>;
}

export const runHref = (dag: string, run: string, tab = "") => path`/dags/${dag}/runs/${run}` + (tab ? `/${tab}` : "");

export function taskHref(dag: string, run: string, task: string, index = -1, tab = ""): string {
  return path`/dags/${dag}/runs/${run}/tasks/${task}` + (tab ? `/${tab}` : "") + (index >= 0 ? `?map_index=${index}` : "");
}

export const runPath = (dag: string, run: string) => path`/api/v2/dags/${dag}/dagRuns/${run}`;

/** The API's address of a task instance: the index is a part of the path where there is one. */
export function tiPath(dag: string, run: string, task: string, index: number, rest = ""): string {
  return runPath(dag, run) + path`/taskInstances/${task}` + (index >= 0 ? `/${index}` : "") + rest;
}

export function usePoll(): number {
  return useLive(useSession().session.poll);
}

export function useRun(dag: string, run: string) {
  const poll = usePoll();
  return useQuery({
    queryKey: keys.run(dag, run),
    queryFn: () => api.get<DagRun>(runPath(dag, run)),
    refetchInterval: (q) => (q.state.data && !isLive(q.state.data.state) ? false : poll),
  });
}

export const runStatesQuery = (dag: string, run: string) => ({
  queryKey: keys.runPart(dag, run, "states"),
  queryFn: () => api.get<RunStates>(path`/ui/dags/${dag}/runs/${run}/states`),
});

export function useRunStates(dag: string, run: string | null | undefined) {
  const poll = usePoll();
  return useQuery({
    ...runStatesQuery(dag, run ?? ""),
    enabled: Boolean(run),
    refetchInterval: (q) => (q.state.data && !isLive(q.state.data.state) ? false : poll),
  });
}

export function useTaskInstance(dag: string, run: string, task: string, index: number, enabled = true) {
  const poll = usePoll();
  return useQuery({
    queryKey: keys.task(dag, run, task, index),
    queryFn: () => api.get<TaskInstance>(tiPath(dag, run, task, index)),
    enabled,
    refetchInterval: (q) => (q.state.data && !isLive(q.state.data.state) ? false : poll),
  });
}

export const recentRunsQuery = (dag: string, limit = 50) => ({
  queryKey: keys.dagPart(dag, "recent-runs", limit),
  queryFn: () => api.get<{ dag_runs: DagRun[] }>(path`/api/v2/dags/${dag}/dagRuns`, { query: { limit, order_by: "-run_after" } }),
});

/** The newest runs of a DAG, for choosing one. */
export function useRecentRuns(dag: string, limit = 50) {
  return useQuery({ ...recentRunsQuery(dag, limit), select: (d) => d.dag_runs });
}
