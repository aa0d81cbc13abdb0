/* A task of a run, beside a grid or a graph: what one wants to know before one opens it. */
import { ArrowRight, FileText, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router-dom";
import { isLive } from "@/api/states";
import { runHref, taskHref, useRun, useTaskInstance } from "@/api/runs";
import { ButtonLink, IconButton } from "@/components/Button";
import { ErrorState } from "@/components/ErrorState";
import { Facts, Skeleton } from "@/components/Page";
import { StateBadge } from "@/components/StateBadge";
import { Duration, TimeText } from "@/components/TimeText";
import { Actions } from "@/views/run/actions";
import { CountBar } from "./CountBar";
import { Why } from "./Why";
import s from "./Task.module.css";

interface Props {
  dag: string;
  run: string;
  task: string | null; // null: the run itself
  kind?: "task" | "group" | "mapped";
  counts?: Record<string, number>;
  onClose?: () => void;
}

export function TaskPanel(props: Props) {
  if (props.task === null) return <RunPanel {...props} />;
  if (props.kind === "group") return <GroupPanel {...props} task={props.task} />;
  return <OnePanel {...props} task={props.task} />;
}

function Head({ title, mono, onClose }: { title: string; mono?: boolean; onClose?: () => void }) {
  const { t } = useTranslation();
  return (
    <header className={s.panelHead}>
      <h2 className={mono ? "mono" : undefined}>{title}</h2>
      {onClose && <IconButton icon={X} small label={t("close")} onClick={onClose} />}
    </header>
  );
}

function RunPanel({ dag, run, onClose }: Props) {
  const { t } = useTranslation("run");
  const q = useRun(dag, run);
  const r = q.data;
  return (
    <section className={s.panel} aria-label={t("run")}>
      <Head title={t("run")} onClose={onClose} />
      <div className={s.panelBody}>
        {q.error && !r ? <ErrorState error={q.error} retry={q.refetch} inline /> : !r ? <Skeleton rows={5} /> : (
          <>
            <p className={s.lead}><StateBadge state={r.state} /><span className="muted">{t(`common:run_type.${r.run_type}`)}</span></p>
            <Facts items={[
              [t("run_id"), <Link key="r" to={runHref(dag, run)} className="mono">{run}</Link>],
              [t("logical_date"), <TimeText key="l" time={r.logical_date} mode="exact" />],
              [t("started"), <TimeText key="s" time={r.start_date} mode="exact" />],
              [t("took"), <Duration key="d" start={r.start_date} end={r.end_date} live={isLive(r.state)} />],
              r.note ? [t("note"), r.note] : null,
            ]} />
            <div className={s.buttons}>
              <ButtonLink to={runHref(dag, run)} icon={ArrowRight} small kind="primary">{t("open_run")}</ButtonLink>
              <Actions dag={dag} runIds={[run]} note={r.note} small />
            </div>
          </>
        )}
      </div>
    </section>
  );
}

function GroupPanel({ dag, run, task, counts, onClose }: Props & { task: string }) {
  const { t } = useTranslation(["task", "run"]);
  return (
    <section className={s.panel} aria-label={t("group")}>
      <Head title={task} mono onClose={onClose} />
      <div className={s.panelBody}>
        <p className="muted">{t("group_of")}</p>
        <CountBar counts={counts} />
        <div className={s.buttons}><ButtonLink to={runHref(dag, run)} icon={ArrowRight} small>{t("run:open_run")}</ButtonLink></div>
      </div>
    </section>
  );
}

function OnePanel({ dag, run, task, kind, counts, onClose }: Props & { task: string }) {
  const { t } = useTranslation(["task", "run"]);
  const mapped = kind === "mapped" && Object.keys(counts ?? {}).length > 0;
  const q = useTaskInstance(dag, run, task, -1, !mapped);
  const ti = q.data;
  return (
    <section className={s.panel} aria-label={t("task")}>
      <Head title={task} mono onClose={onClose} />
      <div className={s.panelBody}>
        {mapped ? (
          <>
            <p className="muted">{t("mapped_of")}</p>
            <CountBar counts={counts} />
            <div className={s.buttons}>
              <ButtonLink to={taskHref(dag, run, task, -1, "mapped")} icon={ArrowRight} small kind="primary">{t("open_mapped")}</ButtonLink>
              <Actions dag={dag} runIds={[run]} taskIds={[task]} actions={["clear", "mark"]} small />
            </div>
          </>
        ) : q.error && !ti ? <ErrorState error={q.error} retry={q.refetch} inline /> : !ti ? <Skeleton rows={5} /> : (
          <>
            <p className={s.lead}><StateBadge state={ti.state} /><span className="muted">{ti.operator_name}</span></p>
            {ti.state_reason && <p className={s.reason}>{ti.state_reason}</p>}
            <Why dag={dag} run={run} task={task} index={-1} state={ti.state} />
            <Facts items={[
              [t("run:run"), <Link key="r" to={runHref(dag, run)} className="mono">{run}</Link>],
              [t("started"), <TimeText key="s" time={ti.start_date} mode="exact" />],
              [t("took"), <Duration key="d" start={ti.start_date} end={ti.end_date} live={isLive(ti.state)} />],
              [t("try"), ti.try_number ? t("try_of", { n: ti.try_number, max: ti.max_tries + 1 }) : "–"],
              ti.note ? [t("run:note"), ti.note] : null,
            ]} />
            <div className={s.buttons}>
              <ButtonLink to={taskHref(dag, run, task, -1, "details")} icon={ArrowRight} small kind="primary">{t("open")}</ButtonLink>
              {ti.try_number > 0 && <ButtonLink to={taskHref(dag, run, task, -1, "log")} icon={FileText} small>{t("tab.log")}</ButtonLink>}
              <Actions dag={dag} runIds={[run]} taskIds={[task]} note={ti.note} small />
            </div>
          </>
        )}
      </div>
    </section>
  );
}
