/* A question to a person, where the task waits for its answer (Airflow's human in the loop). */
import { useState } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, ApiError } from "@/api/client";
import { keys } from "@/api/keys";
import { useSession } from "@/api/session";
import { tiPath } from "@/api/runs";
import { Button } from "@/components/Button";
import { ErrorState } from "@/components/ErrorState";
import { Checkbox, Field, TextArea } from "@/components/Form";
import { toast } from "@/components/Toast";
import s from "./Task.module.css";

interface Details {
  subject: string;
  body: string | null;
  options: string[];
  defaults: string[] | null;
  multiple: boolean;
  params: Record<string, unknown>;
  response_received: boolean;
  chosen_options?: string[] | null;
  responded_by_user?: { id?: string; name?: string } | null;
}

const plain = (params: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(params).map(([k, v]) => [k, typeof v === "object" && v !== null && "value" in v ? (v as { value: unknown }).value : v]));

export function Hitl({ dag, run, task, index }: { dag: string; run: string; task: string; index: number }) {
  const { t } = useTranslation("task");
  const client = useQueryClient();
  const { may } = useSession();
  const at = tiPath(dag, run, task, index) + (index < 0 ? "/-1" : "") + "/hitlDetails";
  const q = useQuery({ queryKey: [...keys.task(dag, run, task, index), "hitl"], queryFn: () => api.get<Details>(at), retry: false });
  const [chosen, setChosen] = useState<string[] | null>(null);
  const [params, setParams] = useState<string | null>(null);
  const [bad, setBad] = useState<string | null>(null);
  const send = useMutation({
    mutationFn: (body: { chosen_options: string[]; params_input: Record<string, unknown> }) => api.patch(at, body),
    onSuccess: () => {
      toast.done(t("hitl.sent"));
      void client.invalidateQueries({ queryKey: keys.dag(dag) });
      void client.invalidateQueries({ queryKey: keys.requiredActions });
    },
  });
  // Most tasks ask nobody anything.
  if (q.error) return q.error instanceof ApiError && q.error.status === 404 ? null : <ErrorState error={q.error} retry={q.refetch} inline />;
  const d = q.data;
  if (!d) return null;
  if (d.response_received) {
    return <p className={s.reason}>{t("hitl.answered", { who: d.responded_by_user?.name ?? "–" })}: <b>{d.chosen_options?.join(", ")}</b></p>;
  }
  const picked = chosen ?? d.defaults ?? [];
  const text = params ?? JSON.stringify(plain(d.params ?? {}), null, 2);
  const asks = Object.keys(d.params ?? {}).length > 0;
  const go = (options: string[]) => {
    setBad(null);
    let input: Record<string, unknown> = {};
    try {
      if (asks) input = JSON.parse(text) as Record<string, unknown>;
    } catch {
      return setBad(t("hitl.bad_params"));
    }
    if (!options.length) return setBad(t("hitl.choose"));
    send.mutate({ chosen_options: options, params_input: input });
  };
  return (
    <section className={s.hitl} aria-label={t("hitl.title")}>
      <p className="muted">{t("hitl.title")}</p>
      <h2>{d.subject}</h2>
      {d.body && <p className={s.hitlBody}>{d.body}</p>}
      {asks && <Field label={t("hitl.params")} error={bad}>{(p) => <TextArea {...p} mono value={text} onChange={(e) => setParams(e.target.value)} />}</Field>}
      <div className={s.options} role="group" aria-label={t("hitl.options")}>
        {d.options.map((o) => (d.multiple ? (
          <Checkbox key={o} label={o} checked={picked.includes(o)} onChange={(e) => setChosen(e.target.checked ? [...picked, o] : picked.filter((x) => x !== o))} />
        ) : (
          <Button key={o} kind={d.defaults?.includes(o) ? "primary" : "plain"} busy={send.isPending} disabled={!may("user")} onClick={() => go([o])}>{o}</Button>
        )))}
      </div>
      {d.multiple && <Button kind="primary" busy={send.isPending} disabled={!may("user")} onClick={() => go(picked)}>{t("hitl.send")}</Button>}
      {bad && !asks && <p role="alert">{bad}</p>}
      {send.error !== null && <ErrorState error={send.error} inline />}
    </section>
  );
}
