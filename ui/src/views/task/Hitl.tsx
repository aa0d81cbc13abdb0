/* A question to a person, where the task waits for its answer (Airflow's human in the loop): the same card as on the page of all questions. */
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { keys } from "@/api/keys";
import { runPath, usePoll } from "@/api/runs";
import { isLive } from "@/api/states";
import { ErrorState } from "@/components/ErrorState";
import { Card } from "@/views/actions/Actions";
import type { Hitl as Question } from "@/views/actions/types";

export function Hitl({ dag, run, task, index, state }: { dag: string; run: string; task: string; index: number; state: string | null }) {
  const { t } = useTranslation("task");
  const poll = usePoll();
  // The list, not the one: most tasks ask nobody anything, and an empty list is no error.
  const q = useQuery({
    queryKey: [...keys.task(dag, run, task, index), "hitl"],
    queryFn: () => api.get<{ hitl_details: Question[] }>(runPath(dag, run) + "/hitlDetails", { query: { task_id: task, map_index: index } }),
    refetchInterval: isLive(state) ? poll : false,
  });
  if (q.error && !q.data) return <ErrorState error={q.error} retry={q.refetch} inline />;
  const d = q.data?.hitl_details[0];
  return d ? <section aria-label={t("hitl")}><Card hitl={d} of="task" /></section> : null;
}
