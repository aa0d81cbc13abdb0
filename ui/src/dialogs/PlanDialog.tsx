import { useRef, useState } from "react";
import type { ReactNode } from "react";
import { ArrowRight } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useVirtualizer } from "@tanstack/react-virtual";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Checkbox } from "@/components/Form";
import { Skeleton } from "@/components/Page";
import { StateBadge } from "@/components/StateBadge";
import { StateDot } from "@/components/StateDot";
import { toast } from "@/components/Toast";
import { countsOf, runsOf, useApply, usePlan } from "@/dialogs/plan";
import type { Operation, Plan, PlanInstance, PlanRequest } from "@/dialogs/plan";
import { cx } from "@/lib/cx";
import s from "./dialogs.module.css";

export interface Target {
  dagId: string;
  runIds?: readonly string[];
  taskIds?: readonly string[]; // none: whole runs
  mapIndexes?: readonly number[]; // none: all
  onDone?: () => void;
  onClose: () => void;
}

type Option = "upstream" | "downstream" | "past" | "future" | "only_failed" | "newest";

/** Clears task instances: they run again. It shows first what it will touch. */
export function ClearDialog(props: Target) {
  const options: Option[] = props.taskIds?.length ? ["downstream", "upstream", "past", "future", "only_failed", "newest"] : ["only_failed", "newest"];
  return <PlanDialog {...props} op="clear" options={options} initial={props.taskIds?.length ? ["downstream"] : []} />;
}

/** Sets the state of task instances, or of whole runs, without running them. */
export function MarkDialog({ state, ...props }: Target & { state: "success" | "failed" | "skipped" }) {
  return <PlanDialog {...props} op={`mark_${state}`} options={props.taskIds?.length ? ["upstream", "downstream", "past", "future"] : []} initial={[]} />;
}

function PlanDialog({ dagId, runIds, taskIds, mapIndexes, onDone, onClose, op, options, initial }: Target & { op: Operation; options: Option[]; initial: Option[] }) {
  const { t } = useTranslation("dialogs");
  const [on, setOn] = useState<Option[]>(initial);
  const request: PlanRequest = {
    op, dag_id: dagId,
    ...(runIds?.length && { run_ids: runIds }),
    ...(taskIds?.length && { task_ids: taskIds }),
    ...(mapIndexes?.length && { map_indexes: mapIndexes }),
    ...Object.fromEntries(on.map((o) => [o, true])),
  };
  const plan = usePlan(request);
  const apply = useApply(request, (done) => {
    toast.done(t(`plan.done_${op}`, { count: done?.total ?? plan.data?.total ?? 0 }));
    onDone?.();
    onClose();
  });
  const of = taskIds?.length ? (taskIds.length === 1 ? taskIds[0]! + (mapIndexes?.length === 1 && mapIndexes[0]! >= 0 ? `[${mapIndexes[0]}]` : "") : t("plan.tasks", { count: taskIds.length })) : runIds?.length === 1 ? runIds[0]! : t("plan.runs", { count: runIds?.length ?? 0 });
  const total = plan.data?.total ?? 0;
  const settled = !plan.isPending && !plan.isPlaceholderData;
  return (
    <Dialog
      open
      onClose={onClose}
      title={t(`plan.title_${op}`, { what: of })}
      size="large"
      locked={apply.isPending}
      onSubmit={() => settled && total > 0 && !apply.isPending && apply.mutate()}
      footer={
        <>
          <span className={s.footNote} role="status">{plan.data && settled ? t("plan.sum", { count: total, runs: t("plan.sum_runs", { count: runsOf(plan.data) }) }) : ""}</span>
          <Button onClick={onClose} disabled={apply.isPending}>{t("common:cancel")}</Button>
          <Button type="submit" kind={op === "mark_failed" ? "danger" : "primary"} busy={apply.isPending} disabled={!settled || !total}>{t(`plan.action_${op}`, { count: total })}</Button>
        </>
      }
    >
      <div className={s.body}>
        <p className="muted">{t(`plan.about_${op}`)}</p>
        {options.length > 0 && (
          <fieldset className={s.options} disabled={apply.isPending}>
            <legend>{t("plan.options")}</legend>
            <div>
              {options.map((o, i) => (
                <Checkbox
                  key={o} label={t(`plan.${o}`)} hint={t(`plan.${o}_hint`)} checked={on.includes(o)} data-autofocus={i === 0 || undefined}
                  onChange={(e) => setOn((list) => (e.target.checked ? [...list, o] : list.filter((x) => x !== o)))}
                />
              ))}
            </div>
          </fieldset>
        )}
        {plan.error ? <ErrorState error={plan.error} retry={plan.refetch} what={t("plan.failed")} inline />
          : plan.data ? <Instances plan={plan.data} dim={plan.isPlaceholderData} empty={<EmptyState title={t(`plan.empty_${op === "clear" ? "clear" : "mark"}`)}>{t("plan.empty_hint")}</EmptyState>} />
          : <Skeleton rows={6} />}
        {(plan.data?.refused ?? []).length > 0 && (
          <div className={s.notice} role="note">
            <p>{t("plan.refused", { count: plan.data!.refused!.length })}</p>
            <ul>{plan.data!.refused!.slice(0, 5).map((r) => <li key={r.run_id}><span className="mono">{r.run_id}</span>: {r.text}</li>)}</ul>
          </div>
        )}
        {apply.error && <ErrorState error={apply.error} inline />}
      </div>
    </Dialog>
  );
}

const ROW = 30;

function Instances({ plan, dim, empty }: { plan: Plan; dim: boolean; empty: ReactNode }) {
  const { t } = useTranslation("dialogs");
  const scroll = useRef<HTMLDivElement>(null);
  const rows = plan.instances;
  const v = useVirtualizer({ count: rows.length, getScrollElement: () => scroll.current, estimateSize: () => ROW, overscan: 10 });
  if (!plan.total) return <>{empty}</>;
  return (
    <div aria-busy={dim || undefined} className={cx(s.planned, dim && s.dim)}>
      <div className={s.counts}>
        <h3>{t("plan.list")}</h3>
        {countsOf(rows).map(([state, n]) => <StateBadge key={state ?? ""} state={state} count={n} />)}
      </div>
      <div ref={scroll} className={s.scroll} tabIndex={0} role="region" aria-label={t("plan.list")}>
        <ul style={{ height: v.getTotalSize() }}>
          {v.getVirtualItems().map((item) => (
            <li key={item.key} style={{ height: ROW, transform: `translateY(${item.start}px)` }}><Instance instance={rows[item.index]!} /></li>
          ))}
        </ul>
      </div>
      {plan.truncated && <p className="muted">{t("plan.truncated", { shown: rows.length, total: plan.total })}</p>}
    </div>
  );
}

function Instance({ instance: i }: { instance: PlanInstance }) {
  return (
    <>
      <StateDot state={i.state} />
      <ArrowRight size={12} aria-hidden className={s.arrow} />
      <StateDot state={i.after} />
      <span className={cx(s.task, "mono truncate")}>{i.task_id}{i.map_index >= 0 ? `[${i.map_index}]` : ""}</span>
      <span className={cx(s.run, "mono truncate")}>{i.run_id}</span>
    </>
  );
}
