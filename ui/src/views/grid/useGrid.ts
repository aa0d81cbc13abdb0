/*
 * The grid's data. It is not below keys.dag(…): a grid of thousands of tasks is not to be read again for each task that ends. Events change
 * cells in place; what a letter does not tell (groups, mapped tasks, new runs) is read again, the less often the longer it takes.
 */
import { useCallback, useEffect, useRef } from "react";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEvents } from "@/api/events";
import type { ServerEvent } from "@/api/events";
import { keys } from "@/api/keys";
import { usePoll } from "@/api/runs";
import { patchCell } from "./decode";
import type { Grid } from "./decode";
import { gridQuery } from "./query";
import type { GridFilter } from "./query";

const LEAST_MS = 800;
const SHARE = 6; // at most a sixth of the time goes into reading

export function useGrid(dag: string, filter: GridFilter) {
  const client = useQueryClient();
  const poll = usePoll();
  const q = useQuery({ ...gridQuery(dag, filter), placeholderData: keepPreviousData, refetchInterval: poll });
  const took = useRef(0);
  took.current = q.data?.took ?? took.current;
  const timer = useRef(0);
  const text = JSON.stringify(filter);
  useEffect(() => () => {
    window.clearTimeout(timer.current);
    timer.current = 0;
  }, [text, dag]);
  const onEvent = useCallback(
    (e: ServerEvent) => {
      const d = e.data;
      if (d.dag_id !== undefined && d.dag_id !== dag) return;
      if (e.type === "refresh" && d.topic?.includes(":") && !d.topic.includes(`:${dag}`)) return;
      if (!["task", "run", "dag", "refresh"].includes(e.type)) return;
      if (e.type === "task" && d.run_id && d.task_id && (d.map_index ?? -1) < 0) {
        client.setQueriesData<Grid>({ queryKey: keys.grid(dag) }, (g) => (g && patchCell(g, d.run_id!, d.task_id!, d.state)) || g);
      }
      if (timer.current) return;
      timer.current = window.setTimeout(() => {
        timer.current = 0;
        void client.invalidateQueries({ queryKey: keys.grid(dag) });
      }, Math.max(LEAST_MS, took.current * SHARE));
    },
    [client, dag],
  );
  useEvents([`dag:${dag}`], onEvent);
  return q;
}
