import { useState } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ArrowLeft, Ban, CircleCheck, Eraser, Pause, Play } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router-dom";
import { api, path } from "@/api/client";
import { useEvents } from "@/api/events";
import { useSession } from "@/api/session";
import { Button } from "@/components/Button";
import { Confirm } from "@/components/Confirm";
import { ErrorState } from "@/components/ErrorState";
import { Facts, Page, Panel, Skeleton } from "@/components/Page";
import { StateBadge } from "@/components/StateBadge";
import { Table } from "@/components/Table";
import type { Column } from "@/components/Table";
import { Duration, TimeText } from "@/components/TimeText";
import { toast } from "@/components/Toast";
import { ClearDialog, MarkDialog } from "@/dialogs";
import { PhaseBadge } from "./PhaseBadge";
import { Progress } from "./Progress";
import { change, phaseOf } from "./types";
import type { Backfill, BackfillRun } from "./types";
import s from "./backfills.module.css";

type Details = Backfill & { runs: BackfillRun[]; truncated: boolean };

export default function BackfillView() {
  const { t } = useTranslation("backfills");
  const id = useParams().backfill ?? "";
  const { may } = useSession();
  const client = useQueryClient();
  const [cancelling, setCancelling] = useState(false);
  const [redo, setRedo] = useState<"clear" | "mark" | null>(null);
  const q = useQuery({
    queryKey: ["backfills", id],
    queryFn: () => api.get<Details>(path`/ui/backfills/${id}`),
    refetchInterval: (x) => (x.state.data && ["completed", "cancelled"].includes(phaseOf(x.state.data)) ? false : 3000),
  });
  const b = q.data;
  useEvents(b ? [`dag:${b.dag_id}`] : [], (e) => {
    if (e.type === "run" && e.data.dag_id === b?.dag_id) void client.invalidateQueries({ queryKey: ["backfills", id] });
  });
  const pause = useMutation({
    mutationFn: (what: "pause" | "unpause") => change(b!, what),
    onError: (e) => toast.error(e),
    onSettled: () => client.invalidateQueries({ queryKey: ["backfills"] }),
  });
  if (q.error) return <Page title={t("one", { id })}><ErrorState error={q.error} retry={q.refetch} /></Page>;
  if (!b) return <Page title={t("one", { id })}><Panel><Skeleton rows={6} /></Panel></Page>;
  const failed = b.runs.filter((r) => r.state === "failed" && r.run_id && (r.outcome === "created" || r.outcome === "cleared")).map((r) => r.run_id!);
  const phase = phaseOf(b), live = phase === "running" || phase === "paused";
  const columns: Column<BackfillRun>[] = [
    { id: "date", header: t("logical_date"), width: "minmax(10rem, 1fr)", cell: (r) => (r.run_id ? <Link to={path`/dags/${b.dag_id}/runs/${r.run_id}`}><TimeText time={r.logical_date} mode="exact" /></Link> : <TimeText time={r.logical_date} mode="exact" />) },
    { id: "state", header: t("state"), width: "8rem", cell: (r) => (r.state ? <StateBadge state={r.state} /> : <span className="muted">{t(`outcome.${r.outcome}`, { defaultValue: r.outcome })}</span>) },
    { id: "outcome", header: t("outcome_title"), width: "minmax(8rem, 1fr)", hide: "narrow", cell: (r) => <span className="muted">{t(`outcome.${r.outcome}`, { defaultValue: r.outcome })}</span> },
    { id: "start", header: t("started"), width: "10rem", hide: "medium", cell: (r) => <TimeText time={r.start_date} mode="exact" /> },
    { id: "took", header: t("took"), width: "7rem", align: "end", hide: "narrow", cell: (r) => <Duration start={r.start_date} end={r.end_date} live={r.state === "running"} /> },
  ];
  return (
    <Page
      title={`${t("heading")} ${b.dag_id}`}
      heading={<span className={s.heading}><Link to="/backfills" aria-label={t("back")}><ArrowLeft size={16} aria-hidden /></Link>{t("heading")} <Link to={path`/dags/${b.dag_id}`}>{b.dag_id}</Link><PhaseBadge phase={phase} /></span>}
      actions={may("user") && (
        <>
          {failed.length > 0 && <Button icon={Eraser} onClick={() => setRedo("clear")}>{t("clear_failed", { count: failed.length })}</Button>}
          {failed.length > 0 && <Button icon={CircleCheck} onClick={() => setRedo("mark")}>{t("mark_failed", { count: failed.length })}</Button>}
          {live && (phase === "paused" ? <Button icon={Play} busy={pause.isPending} onClick={() => pause.mutate("unpause")}>{t("resume")}</Button> : <Button icon={Pause} busy={pause.isPending} onClick={() => pause.mutate("pause")}>{t("pause")}</Button>)}
          {live && <Button icon={Ban} onClick={() => setCancelling(true)}>{t("cancel")}</Button>}
        </>
      )}
    >
      <Panel>
        <Progress backfill={b} large />
        <Facts items={[
          [t("range"), <span key="r"><TimeText time={b.from_date} mode="exact" /> – <TimeText time={b.to_date} mode="exact" /></span>], [t("order"), t(b.run_backwards ? "backward" : "forward")], [t("reprocess"), t(`reprocess_${b.reprocess_behavior}`)],
          [t("max_active"), <span key="m" className="num">{b.max_active_runs}</span>], [t("created"), <TimeText key="c" time={b.created_at} mode="exact" />], b.created_by ? [t("by"), b.created_by] : null,
          b.completed_at ? [t("phase.completed"), <TimeText key="e" time={b.completed_at} mode="exact" />] : null, b.cancelled_at ? [t("phase.cancelled"), <TimeText key="x" time={b.cancelled_at} mode="exact" />] : null,
          b.dag_run_conf && Object.keys(b.dag_run_conf).length > 0 ? ["conf", <code key="f">{JSON.stringify(b.dag_run_conf)}</code>] : null,
        ]} />
      </Panel>
      <Table label={t("runs")} columns={columns} rows={b.runs} rowKey={(r) => r.logical_date} />
      {b.truncated && <p className="muted">{t("truncated", { count: b.runs.length })}</p>}
      {redo === "clear" && <ClearDialog dagId={b.dag_id} runIds={failed} onDone={() => void client.invalidateQueries({ queryKey: ["backfills"] })} onClose={() => setRedo(null)} />}
      {redo === "mark" && <MarkDialog state="success" dagId={b.dag_id} runIds={failed} onDone={() => void client.invalidateQueries({ queryKey: ["backfills"] })} onClose={() => setRedo(null)} />}
      {cancelling && (
        <Confirm open danger title={t("cancel_title")} action={t("cancel_action")} onClose={() => setCancelling(false)} onConfirm={async () => {
          await change(b, "cancel");
          await client.invalidateQueries({ queryKey: ["backfills"] });
          toast.done(t("cancelled"));
        }}><p>{t("cancel_about")}</p></Confirm>
      )}
    </Page>
  );
}
