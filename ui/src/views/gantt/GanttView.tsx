import { ChartGantt } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router-dom";
import { useRecentRuns } from "@/api/runs";
import { isLive } from "@/api/states";
import { useTimezone } from "@/app/timezone";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Select } from "@/components/Form";
import { Skeleton } from "@/components/Page";
import { useDagId } from "@/views/dag/DagFrame";
import { GanttChart } from "./GanttChart";
import s from "./Gantt.module.css";

export default function GanttView() {
  const { t } = useTranslation("gantt");
  const dag = useDagId();
  const tz = useTimezone();
  const [params, setParams] = useSearchParams();
  const recent = useRecentRuns(dag);
  if (recent.error && !recent.data) return <ErrorState error={recent.error} retry={recent.refetch} />;
  if (!recent.data) return <Skeleton rows={10} />;
  const run = params.get("run") ?? recent.data[0]?.dag_run_id;
  if (!run) return <EmptyState icon={ChartGantt} title={t("no_runs")} />;
  const known = recent.data.find((r) => r.dag_run_id === run);
  return (
    <>
      <div className={s.tools}>
        <Select aria-label={t("run")} value={run} onChange={(e) => setParams({ run: e.target.value }, { replace: true })}>
          {!known && <option value={run}>{run}</option>}
          {recent.data.map((r) => <option key={r.dag_run_id} value={r.dag_run_id}>{`${tz.exact(r.logical_date ?? r.run_after)} · ${t(`common:state.${r.state}`)}`}</option>)}
        </Select>
      </div>
      <GanttChart key={run} dag={dag} run={run} live={known ? isLive(known.state) : true} />
    </>
  );
}
