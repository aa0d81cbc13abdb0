/* One task of one run, or one instance of a mapped task: what it did, try by try, and what it waits for. */
import { lazy, Suspense, useMemo } from "react";
import { useQuery } from "@tanstack/react-query";
import { Timer } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link, Navigate, useNavigate, useParams, useSearchParams } from "react-router-dom";
import { api } from "@/api/client";
import { useDag } from "@/api/dags";
import { useEvents } from "@/api/events";
import { keys } from "@/api/keys";
import { taskHref, tiPath, useRunStates, useTaskInstance } from "@/api/runs";
import type { TaskInstance } from "@/api/runs";
import { isLive } from "@/api/states";
import { DagZoneProvider } from "@/app/timezone";
import { ErrorState } from "@/components/ErrorState";
import { Page, Skeleton } from "@/components/Page";
import { StateBadge } from "@/components/StateBadge";
import { StateDot } from "@/components/StateDot";
import { LinkTabs, Segmented } from "@/components/Tabs";
import { Duration, TimeText } from "@/components/TimeText";
import { Actions } from "@/views/run/actions";
import { Crumbs } from "./Crumbs";
import { Hitl } from "./Hitl";
import { Dependencies, Details, Rendered, Xcoms } from "./parts";
import { Why } from "./Why";
import s from "./Task.module.css";

const LogViewer = lazy(() => import("@/views/log/LogViewer").then((m) => ({ default: m.LogViewer })));
const Instances = lazy(() => import("./Instances"));

interface Tries { task_instances: TaskInstance[] }

export default function TaskView() {
  const { dag = "", run = "", task = "", "*": tab = "" } = useParams();
  const [params] = useSearchParams();
  const index = Number(params.get("map_index") ?? -1);
  const zone = useDag(dag);
  useEvents(useMemo(() => [`run:${dag}/${run}`], [dag, run]));
  return (
    <DagZoneProvider zone={zone.data?.timezone}>
      <One key={`${task}/${index}`} dag={dag} run={run} task={task} index={index} tab={tab} />
    </DagZoneProvider>
  );
}

/* Whether a task may have a question to people: one that waits, or whose operator is of that kind. */
const mayAsk = (ti: TaskInstance) => ti.try_number > 0 && (ti.state === "deferred" || /hitl|approval/i.test(ti.operator_name ?? ""));

function One({ dag, run, task, index, tab }: { dag: string; run: string; task: string; index: number; tab: string }) {
  const { t } = useTranslation(["task", "run"]);
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const states = useRunStates(dag, run);
  const sum = states.data?.tasks[task];
  const whole = index < 0 && sum?.n !== undefined; // a mapped task, all instances of it
  const q = useTaskInstance(dag, run, task, index, states.data !== undefined && !whole);
  const ti = q.data;
  const tries = useQuery({
    queryKey: [...keys.task(dag, run, task, index), "tries", ti?.try_number ?? 0],
    queryFn: () => api.get<Tries>(tiPath(dag, run, task, index, "/tries")),
    enabled: ti !== undefined && ti.try_number > 1,
  });
  const title = `${task}${index >= 0 ? ` [${index}]` : ""}`;
  const error = (states.error && !states.data ? states.error : null) ?? (q.error && !ti ? q.error : null);
  if (error) return <Page title={title} heading={<Crumbs dag={dag} run={run} task={task} index={index} />}><ErrorState error={error} retry={() => { void states.refetch(); void q.refetch(); }} /></Page>;
  if (!states.data || (!whole && !ti)) return <Page title={title} heading={<Crumbs dag={dag} run={run} task={task} index={index} />}><Skeleton rows={8} /></Page>;

  const state = whole ? sum.state : ti!.state;
  const attempt = ti ? Number(params.get("try") ?? ti.try_number) : 0;
  const tabs = whole ? ["mapped"] : [...(ti!.try_number > 0 ? ["log"] : []), "details", "rendered", "xcom", "dependencies"];
  const query = index >= 0 ? `?map_index=${index}` : "";
  if (!tab || !tabs.includes(tab)) return <Navigate replace to={taskHref(dag, run, task, index, tabs[0]) + (params.has("try") ? `${query ? "&" : "?"}try=${params.get("try")}` : "")} />;
  const all = tries.data?.task_instances ?? [];
  const shown = all.find((x) => x.try_number === attempt) ?? ti;
  return (
    <Page
      title={title} wide heading={<Crumbs dag={dag} run={run} task={task} index={index} />}
      actions={<Actions dag={dag} runIds={[run]} taskIds={[task]} mapIndexes={index >= 0 ? [index] : undefined} note={ti?.note} actions={whole ? ["clear", "mark"] : undefined} />}
    >
      <div className={s.head}>
        <StateBadge state={state} />
        {whole ? <span>{sum.operator}</span> : (
          <>
            <span>{ti!.operator_name}</span>
            <span>{t("started")} <TimeText time={shown!.start_date} mode="exact" focusable /></span>
            <span><Timer size={14} aria-hidden /><span className="sr-only">{t("took")}</span> <Duration start={shown!.start_date} end={shown!.end_date} live={isLive(shown!.state)} /></span>
            {ti!.note && <span><b>{ti!.note}</b></span>}
            {index >= 0 && <Link to={taskHref(dag, run, task, -1, "mapped")}>{t("all_instances")}</Link>}
          </>
        )}
      </div>
      {!whole && ti!.state_reason && <p className={s.reason}>{ti!.state_reason}</p>}
      {!whole && <Why dag={dag} run={run} task={task} index={index} state={state} />}
      {!whole && mayAsk(ti!) && <Hitl dag={dag} run={run} task={task} index={index} state={state} />}
      <LinkTabs label={t("tab.label")} tabs={tabs.map((x) => ({ to: taskHref(dag, run, task, index, x), label: t(`tab.${x}`) }))} />
      {tab === "log" && ti!.try_number > 1 && (
        <div className={s.tries}>
          <span className="muted">{t("tries")}</span>
          <Segmented
            label={t("tries")} value={String(attempt)} onChange={(v) => navigate(taskHref(dag, run, task, index, "log") + `${query ? "&" : "?"}try=${v}`, { replace: true })}
            options={Array.from({ length: ti!.try_number }, (_, i) => {
              const n = i + 1, st = all.find((x) => x.try_number === n)?.state ?? (n === ti!.try_number ? ti!.state : "failed");
              return { value: String(n), title: t("try_n", { n }), label: <><StateDot state={st} size={10} bare /> {n}</> };
            })}
          />
        </div>
      )}
      <Suspense fallback={<Skeleton rows={10} />}>
        {tab === "log" && <LogViewer key={attempt} source={{ dag, run, task, index, attempt }} live={isLive(state) && attempt === ti!.try_number} name={`${dag}.${task}${index >= 0 ? `.${index}` : ""}.try${attempt}.log`} />}
        {tab === "details" && <Details ti={ti!} tries={all} />}
        {tab === "rendered" && <Rendered ti={ti!} />}
        {tab === "xcom" && <Xcoms dag={dag} run={run} task={task} index={index} />}
        {tab === "dependencies" && <Dependencies dag={dag} run={run} task={task} index={index} state={state} />}
        {tab === "mapped" && <Instances dag={dag} run={run} task={task} counts={sum!.n!} />}
      </Suspense>
    </Page>
  );
}
