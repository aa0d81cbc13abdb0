import { useTranslation } from "react-i18next";
import { useDag } from "@/api/dags";
import { CodeView } from "@/components/CodeView";
import { Facts, Panel, Skeleton } from "@/components/Page";
import { TimeText } from "@/components/TimeText";
import { useDagId } from "@/views/dag/DagFrame";

const filled = (o: Record<string, unknown> | null | undefined): o is Record<string, unknown> => !!o && Object.keys(o).length > 0;

export default function DetailsTab() {
  const { t } = useTranslation("dag");
  const { data: d } = useDag(useDagId());
  if (!d) return <Panel flush><Skeleton rows={10} /></Panel>;
  const yes = (v: boolean | null) => t(v ? "common:yes" : "common:no");
  return (
    <>
      {d.doc_md && <Panel title={t("details.doc")}><div style={{ whiteSpace: "pre-wrap", maxWidth: "70ch" }}>{d.doc_md}</div></Panel>}
      <Panel title={t("details.schedule")}>
        <Facts
          items={[
            [t("details.timetable"), d.timetable_summary ? <code>{d.timetable_summary}</code> : t("no_schedule")],
            d.timetable_description ? [t("details.timetable_words"), d.timetable_description] : null,
            [t("details.timezone"), d.timezone],
            [t("details.start"), <TimeText key="s" time={d.start_date} mode="exact" focusable />],
            [t("details.end"), <TimeText key="e" time={d.end_date} mode="exact" focusable />],
            [t("details.next"), <TimeText key="n" time={d.next_dagrun_run_after} mode="exact" focusable />],
            [t("details.next_logical"), <TimeText key="l" time={d.next_dagrun_logical_date} mode="exact" focusable />],
            [t("details.catchup"), yes(d.catchup)],
          ]}
        />
      </Panel>
      <Panel title={t("details.limits")}>
        <Facts
          items={[
            [t("details.active_runs"), d.active_runs_count ?? "–"],
            [t("details.max_runs"), d.max_active_runs],
            [t("details.max_tasks"), d.max_active_tasks],
            [t("details.max_failed"), d.max_consecutive_failed_dag_runs || t("details.no_limit")],
            [t("details.timeout"), d.dag_run_timeout ?? t("common:none")],
          ]}
        />
      </Panel>
      <Panel title={t("details.file")}>
        <Facts
          items={[
            [t("details.path"), <code key="p">{d.fileloc}</code>],
            [t("details.bundle"), d.bundle_name],
            d.bundle_version ? [t("details.bundle_version"), <code key="b">{d.bundle_version}</code>] : null,
            [t("details.version"), d.latest_dag_version ? `v${d.latest_dag_version.version_number}` : "–"],
            [t("details.parsed"), <TimeText key="t" time={d.last_parsed_time ?? d.last_parsed} focusable />],
            [t("owner"), d.owners.join(", ")],
            [t("details.native"), yes(d.render_template_as_native_obj)],
          ]}
        />
      </Panel>
      {filled(d.params) && <Panel title={t("details.params")} flush><CodeView text={JSON.stringify(d.params, null, 2)} syntax="json" label={t("details.params")} /></Panel>}
      {filled(d.default_args) && <Panel title={t("details.default_args")} flush><CodeView text={JSON.stringify(d.default_args, null, 2)} syntax="json" label={t("details.default_args")} /></Panel>}
    </>
  );
}
