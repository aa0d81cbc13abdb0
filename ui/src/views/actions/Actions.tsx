import { useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Check, CircleCheck, CircleHelp, Send, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router-dom";
import { api, path } from "@/api/client";
import { dagChanged } from "@/api/dags";
import { useLive } from "@/api/events";
import { keys } from "@/api/keys";
import { useSession } from "@/api/session";
import { Button } from "@/components/Button";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Filters } from "@/components/Filters";
import { Checkbox } from "@/components/Form";
import { Panel, Skeleton } from "@/components/Page";
import { Segmented } from "@/components/Tabs";
import { TimeText } from "@/components/TimeText";
import { toast } from "@/components/Toast";
import { Markdown } from "@/dialogs/Markdown";
import { ParamForm } from "@/dialogs/ParamForm";
import { confOf, draftsOf, fieldsOf } from "@/dialogs/schema";
import type { Drafts } from "@/dialogs/schema";
import { usePaged } from "@/lib/paged";
import { isApproval, keyOf, paramsOf } from "./types";
import type { Hitl } from "./types";
import s from "./actions.module.css";

/** Questions to people: of all DAGs, or of one. */
export function Actions({ dagId }: { dagId?: string }) {
  const { t } = useTranslation("actions");
  const [params, setParams] = useSearchParams();
  const which = params.get("show") === "answered" ? "answered" : "open";
  const list = usePaged<Hitl>([...keys.requiredActions, dagId ?? "~"], path`/api/v2/dags/${dagId ?? "~"}/dagRuns/~/hitlDetails`, "hitl_details", {
    response_received: which === "answered", ...(which === "open" && { state: ["deferred", "running"] }), order_by: which === "answered" ? "-created_at" : "created_at",
  }, { refetchInterval: Math.min(useLive(), 15_000) });
  return (
    <>
      <Filters count={list.first ? undefined : t("count", { count: list.total })}>
        <Segmented label={t("which")} value={which} onChange={(v) => setParams(v === "open" ? {} : { show: v }, { replace: true })} options={[{ value: "open", label: t("open") }, { value: "answered", label: t("answered") }]} />
      </Filters>
      {list.error && !list.rows.length ? <ErrorState error={list.error} retry={list.refetch} /> : list.first ? <Panel><Skeleton rows={5} /></Panel>
        : !list.rows.length ? <EmptyState icon={which === "open" ? CircleCheck : CircleHelp} title={t(which === "open" ? "none" : "none_answered")}>{t(which === "open" ? "none_hint" : "none_answered_hint")}</EmptyState>
        : <ul className={s.list}>{list.rows.map((h) => <li key={keyOf(h)}><Card hitl={h} of={dagId === undefined ? "all" : "dag"} /></li>)}</ul>}
      {list.hasMore && <p className={s.more}><Button onClick={list.loadMore} busy={list.loading}>{t("more")}</Button></p>}
    </>
  );
}

/** One question with its answer, or what answers it. `of`: what it stands among, which it need not name. */
export function Card({ hitl: h, of }: { hitl: Hitl; of: "all" | "dag" | "task" }) {
  const { t } = useTranslation("actions");
  const ti = h.task_instance;
  return (
    <div className={s.card}>
      <header className={s.head}>
        <h2>{h.subject}</h2>
        <p className="muted">{t("asked")} <TimeText time={h.created_at} />{h.assigned_users.length > 0 && <><br />{t("for", { names: h.assigned_users.map((u) => u.name).join(", ") })}</>}</p>
      </header>
      {of !== "task" && <p className={s.where}>
        {of === "all" && <><Link to={path`/dags/${ti.dag_id}`}>{ti.dag_id}</Link><span aria-hidden>›</span></>}
        <Link to={path`/dags/${ti.dag_id}/runs/${ti.dag_run_id}`} className="mono">{ti.dag_run_id}</Link><span aria-hidden>›</span>
        <Link to={path`/dags/${ti.dag_id}/runs/${ti.dag_run_id}/tasks/${ti.task_id}`} className="mono">{ti.task_id}{ti.map_index >= 0 ? `[${ti.map_index}]` : ""}</Link>
      </p>}
      {h.body && <Markdown text={h.body} className={s.text} />}
      {h.response_received ? <Answered hitl={h} /> : <Answer hitl={h} />}
    </div>
  );
}

function Answered({ hitl: h }: { hitl: Hitl }) {
  const { t } = useTranslation("actions");
  const inputs = Object.entries(h.params_input ?? {});
  return (
    <div className={s.answered}>
      <CircleCheck size={15} aria-hidden />
      <div>
        <p><strong>{(h.chosen_options ?? []).join(", ") || t("input_only")}</strong> <span className="muted">{h.responded_by_user?.name ?? t("by_default")} · <TimeText time={h.responded_at} /></span></p>
        {inputs.length > 0 && <dl className={s.inputs}>{inputs.map(([k, v]) => <div key={k}><dt className="mono">{k}</dt><dd className="mono">{typeof v === "string" ? v : JSON.stringify(v)}</dd></div>)}</dl>}
      </div>
    </div>
  );
}

function Answer({ hitl: h }: { hitl: Hitl }) {
  const { t } = useTranslation("actions");
  const { may, session } = useSession();
  const client = useQueryClient();
  const fields = fieldsOf(paramsOf(h));
  const [drafts, setDrafts] = useState<Drafts>(() => draftsOf(fields, {}).drafts);
  const [chosen, setChosen] = useState<string[]>(h.defaults ?? []);
  const [tried, setTried] = useState(false);
  const read = confOf(fields, drafts);
  const ti = h.task_instance;
  const mine = may("user") && (!h.assigned_users.length || may("admin") || h.assigned_users.some((u) => u.id === session.user?.name || u.name === session.user?.name));
  const send = useMutation({
    mutationFn: (options: string[]) => api.patch(path`/api/v2/dags/${ti.dag_id}/dagRuns/${ti.dag_run_id}/taskInstances/${ti.task_id}/${ti.map_index}/hitlDetails`, { chosen_options: options, params_input: read.conf }),
    onSuccess: () => toast.done(t("sent", { subject: h.subject })),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: keys.requiredActions });
      dagChanged(client, ti.dag_id);
    },
  });
  const options = h.options ?? [];
  const submit = (list: string[]) => {
    setTried(true);
    if (!Object.keys(read.errors).length) send.mutate(list);
  };
  if (!mine) return <p className={s.foot}>{t(may("user") ? "not_yours" : "not_allowed")}</p>;
  return (
    <form noValidate className={s.answer} onSubmit={(e) => { e.preventDefault(); if (h.multiple || options.length <= 1) submit(options.length === 1 ? options : chosen); }}>
      {fields.length > 0 && <ParamForm fields={fields} drafts={drafts} errors={tried ? read.errors : {}} disabled={send.isPending} onChange={(name, d) => setDrafts((x) => ({ ...x, [name]: d }))} />}
      {h.multiple && options.length > 1 && (
        <fieldset className={s.options} disabled={send.isPending}>
          <legend>{t("choose")}</legend>
          {options.map((o) => <Checkbox key={o} label={o} checked={chosen.includes(o)} onChange={(e) => setChosen((l) => (e.target.checked ? [...l, o] : l.filter((x) => x !== o)))} />)}
        </fieldset>
      )}
      {send.error && <ErrorState error={send.error} inline />}
      <div className={s.buttons}>
        {isApproval(h) ? (
          <>
            <Button kind="primary" icon={Check} busy={send.isPending} onClick={() => submit(["Approve"])}>{t("approve")}</Button>
            <Button kind="danger" icon={X} busy={send.isPending} onClick={() => submit(["Reject"])}>{t("reject")}</Button>
          </>
        ) : h.multiple && options.length > 1 ? <Button type="submit" kind="primary" icon={Send} busy={send.isPending} disabled={!chosen.length}>{t("send")}</Button>
          : options.length <= 1 ? <Button type="submit" kind="primary" icon={Send} busy={send.isPending}>{options[0] ?? t("send")}</Button>
          : options.map((o) => <Button key={o} kind={h.defaults?.includes(o) ? "primary" : "plain"} busy={send.isPending} onClick={() => submit([o])}>{o}</Button>)}
        {(h.defaults ?? []).length > 0 && <span className="muted">{t("default", { options: h.defaults!.join(", ") })}</span>}
      </div>
    </form>
  );
}
