/* What one does to DAGs, from wherever: the list, the DAG's page, the palette. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { InfiniteData } from "@tanstack/react-query";
import { api, path } from "@/api/client";
import { keys } from "@/api/keys";
import { toast } from "@/components/Toast";
import type { DagDetails, DagPage, DagRow } from "@/api/types";

export function useDag(dag: string) {
  return useQuery({ queryKey: keys.dagPart(dag, "details"), queryFn: () => api.get<DagDetails>(path`/api/v2/dags/${dag}/details`) });
}

/** After a write to a DAG's runs or tasks: all that is shown of it is read again, the grid too, which events alone would change in place. */
export function dagChanged(client: ReturnType<typeof useQueryClient>, dag: string) {
  for (const key of [keys.dag(dag), keys.grid(dag), keys.dags, keys.home]) void client.invalidateQueries({ queryKey: key });
}

function changeRow(client: ReturnType<typeof useQueryClient>, dag: string, change: Partial<DagRow>) {
  client.setQueriesData<InfiniteData<DagPage>>({ queryKey: [...keys.dags, "list"] }, (old) => old && {
    ...old,
    pages: old.pages.map((p) => ({ ...p, dags: p.dags.map((d) => (d.dag_id === dag ? { ...d, ...change } : d)) })),
  });
}

/** Pauses or resumes. The switch moves at once, and back where the server refuses. */
export function usePause() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ dag, paused }: { dag: string; paused: boolean }) => api.patch(path`/api/v2/dags/${dag}`, { is_paused: paused }),
    onMutate: ({ dag, paused }) => {
      changeRow(client, dag, { paused });
      client.setQueryData<DagDetails>(keys.dagPart(dag, "details"), (d) => d && { ...d, is_paused: paused });
    },
    onError: (e) => toast.error(e),
    onSettled: (_data, error, { dag }) => {
      void client.invalidateQueries({ queryKey: keys.dagPart(dag, "details") });
      if (error) void client.invalidateQueries({ queryKey: keys.dags });
    },
  });
}

export function useFavourite() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ dag, favourite }: { dag: string; favourite: boolean }) => api.post(path`/api/v2/dags/${dag}/` + (favourite ? "favorite" : "unfavorite")),
    onMutate: ({ dag, favourite }) => {
      changeRow(client, dag, { favorite: favourite });
      client.setQueryData<DagDetails>(keys.dagPart(dag, "details"), (d) => d && { ...d, is_favorite: favourite });
    },
    onError: (e) => toast.error(e),
    onSettled: (_data, error) => void (error && client.invalidateQueries({ queryKey: keys.dags })),
  });
}
