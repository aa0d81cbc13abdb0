/* What a clear or a mark would touch, asked before it is done (POST /ui/plan), and done (POST /ui/apply). */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import { dagChanged } from "@/api/dags";
import { keys } from "@/api/keys";

export type Operation = "clear" | "mark_success" | "mark_failed" | "mark_skipped";

export interface PlanRequest {
  op: Operation;
  dag_id: string;
  run_ids?: readonly string[];
  task_ids?: readonly string[];
  map_indexes?: readonly number[];
  upstream?: boolean;
  downstream?: boolean;
  past?: boolean;
  future?: boolean;
  only_failed?: boolean;
  newest?: boolean;
}

export interface PlanInstance {
  run_id: string;
  task_id: string;
  map_index: number;
  state: string | null;
  after: string | null;
}

export interface Plan {
  instances: PlanInstance[];
  runs: number | { run_id: string; state?: string | null; after?: string | null }[];
  total: number;
  truncated: boolean;
  refused?: { run_id: string; text: string }[]; // runs in which it is not possible, and why
}

export function usePlan(request: PlanRequest) {
  return useQuery({
    queryKey: keys.dagPart(request.dag_id, "plan", request),
    queryFn: ({ signal }) => api.post<Plan>("/ui/plan", request, { signal }),
    placeholderData: keepPreviousData,
    staleTime: 0,
    gcTime: 0,
  });
}

export function useApply(request: PlanRequest, done: (plan: Plan) => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => api.post<Plan>("/ui/apply", request),
    onSuccess: (plan) => {
      dagChanged(client, request.dag_id);
      done(plan);
    },
  });
}

/** So many of each state, the most first. */
export function countsOf(instances: readonly PlanInstance[]): [string | null, number][] {
  const map = new Map<string | null, number>();
  for (const i of instances) map.set(i.state, (map.get(i.state) ?? 0) + 1);
  return [...map].sort((a, b) => b[1] - a[1]);
}

export const runsOf = (plan: Plan) => (typeof plan.runs === "number" ? plan.runs : plan.runs.length);
