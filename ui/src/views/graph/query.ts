/* The questions for a graph: asked when its tab is pressed, while the view's code is still on the way. */
import type { QueryClient } from "@tanstack/react-query";
import { api, path } from "@/api/client";
import { recentRunsQuery, runStatesQuery } from "@/api/runs";
import type { GraphAnswer } from "./model";

/** A version's graph stays as it is: it is no part of what events make stale. Without a number, that of the current version. */
export const graphQuery = (dag: string, version: number | undefined) => ({
  queryKey: ["graph", dag, version ?? "current"] as const,
  queryFn: ({ signal }: { signal: AbortSignal }) => api.get<GraphAnswer>(path`/ui/dags/${dag}/graph`, { query: { version }, signal }),
  staleTime: version === undefined ? 10_000 : Infinity,
  structuralSharing: false as const,
});

export async function prefetchGraph(client: QueryClient, dag: string, search: URLSearchParams) {
  void client.prefetchQuery(graphQuery(dag, undefined));
  const recent = await client.fetchQuery(recentRunsQuery(dag)).catch(() => null); // the view says what is wrong
  const run = search.get("run") ?? recent?.dag_runs[0]?.dag_run_id;
  if (run) void client.prefetchQuery(runStatesQuery(dag, run));
}
