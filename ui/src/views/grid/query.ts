/* The question for a grid: asked when its tab is pressed, while the view's code is still on the way. */
import { api, path } from "@/api/client";
import { keys } from "@/api/keys";
import { read } from "@/lib/storage";
import type { Grid, GridAnswer } from "./decode";

export interface GridFilter {
  runs: number;
  before?: string;
  run_type?: string;
  state?: string;
  root?: string;
}

/** What the address asks for. */
export function gridFilter(p: URLSearchParams): GridFilter {
  const word = (name: string) => p.get(name) ?? undefined;
  return { runs: Number(p.get("n") ?? read("grid.runs") ?? 25) || 25, before: word("before"), run_type: word("run_type"), state: word("state"), root: word("root") };
}

export const gridQuery = (dag: string, filter: GridFilter) => ({
  queryKey: keys.grid(dag, filter),
  queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Grid> => {
    const start = performance.now();
    const [answer, { decodeGrid }] = await Promise.all([api.get<GridAnswer>(path`/ui/dags/${dag}/grid`, { query: { ...filter }, signal }), import("./decode")]);
    return decodeGrid(answer, performance.now() - start);
  },
  structuralSharing: false as const,
});
