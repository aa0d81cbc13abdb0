/*
 * The keys of all queries, from the general to the special: useEvents invalidates a prefix. A view that adds a query adds its key here or
 * below one of these ("dag", id, "grid", …): what changes for a DAG is then found by ["dag", id].
 */
export const keys = {
  session: ["session"] as const,
  home: ["home"] as const,
  dags: ["dags"] as const,
  dag: (dag: string) => ["dag", dag] as const,
  dagPart: (dag: string, part: string, ...rest: unknown[]) => ["dag", dag, part, ...rest] as const,
  /** Not below dag(…): see views/grid/useGrid.ts. */
  grid: (dag: string, ...rest: unknown[]) => ["grid", dag, ...rest] as const,
  run: (dag: string, run: string) => ["dag", dag, "run", run] as const,
  runPart: (dag: string, run: string, part: string, ...rest: unknown[]) => ["dag", dag, "run", run, part, ...rest] as const,
  task: (dag: string, run: string, task: string, index: number) => ["dag", dag, "run", run, "task", task, index] as const,
  importErrors: ["import-errors"] as const,
  requiredActions: ["required-actions"] as const,
  assets: ["assets"] as const,
  settings: (kind: string, ...rest: unknown[]) => ["settings", kind, ...rest] as const,
};
