/* Why a task does not run, in words: the server's reasons, translated by their codes. */
import { useQuery } from "@tanstack/react-query";
import { CircleHelp } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router-dom";
import { api, path } from "@/api/client";
import { keys } from "@/api/keys";
import { runHref, taskHref } from "@/api/runs";
import { isLive } from "@/api/states";
import { useTimezone } from "@/app/timezone";
import { ErrorState } from "@/components/ErrorState";
import s from "./Task.module.css";

interface Reason {
  code: string;
  text: string;
  args?: { names?: string[]; n?: number; of?: number; needs?: number; name?: string; at?: string; more?: number };
  link?: { kind: string; dag_id?: string; run_id?: string; task_id?: string; map_index?: number; pool?: string; name?: string } | null;
}

function hrefOf(l: Reason["link"], dag: string, run: string): string | null {
  if (!l) return null;
  if (l.kind === "task" && l.task_id) return taskHref(l.dag_id ?? dag, l.run_id ?? run, l.task_id, l.map_index ?? -1, "details");
  if (l.kind === "run" && l.run_id) return runHref(l.dag_id ?? dag, l.run_id);
  if (l.kind === "dag") return path`/dags/${l.dag_id ?? dag}`;
  if (l.kind === "pool") return "/pools";
  return null;
}

export function Why({ dag, run, task, index, state }: { dag: string; run: string; task: string; index: number; state: string | null }) {
  const { t, i18n } = useTranslation("task");
  const tz = useTimezone();
  const asks = isLive(state) && state !== "running";
  const q = useQuery({
    queryKey: [...keys.task(dag, run, task, index), "why"],
    queryFn: () => api.get<{ state: string | null; reasons: Reason[] }>(path`/ui/dags/${dag}/runs/${run}/tasks/${task}/why`, { query: { map_index: index } }),
    enabled: asks,
    refetchInterval: 5000,
  });
  if (!asks) return null;
  if (q.error) return <ErrorState error={q.error} retry={q.refetch} inline />;
  if (!q.data?.reasons.length) return null;
  return (
    <div className={s.why}>
      <CircleHelp size={15} aria-hidden />
      <div>
        <h2>{t("why")}</h2>
        <ul>
          {q.data.reasons.map((r, i) => {
            const href = hrefOf(r.link, dag, run);
            const args = { ...r.args, names: r.args?.names?.join(", "), at: r.args?.at ? tz.exact(r.args.at) : undefined };
            // The server's own words say more where a translation has nothing to put in.
            const text = (i18n.language === "en" && r.text) || t(`reason.${r.code}`, { ...args, defaultValue: r.text });
            return <li key={i}>{href ? <Link to={href}>{text}</Link> : text}</li>;
          })}
        </ul>
      </div>
    </div>
  );
}
