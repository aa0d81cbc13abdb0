import { useTranslation } from "react-i18next";
import type { DagRun } from "@/api/runs";
import { Facts, Panel } from "@/components/Page";
import { TimeText } from "@/components/TimeText";
import { ValueView } from "@/views/task/ValueView";

export function RunFacts({ run, assets }: { run: DagRun; assets?: { id: number; uri?: string; name?: string; timestamp: string }[] }) {
  const { t } = useTranslation("run");
  const conf = run.conf && Object.keys(run.conf).length ? run.conf : null;
  return (
    <>
      <Panel>
        <Facts items={[
          [t("type"), t(`common:run_type.${run.run_type}`, { defaultValue: run.run_type })],
          run.triggered_by || run.triggering_user_name ? [t("triggered_by"), [run.triggering_user_name, run.triggered_by].filter(Boolean).join(" · ")] : null,
          [t("run_after"), <TimeText key="a" time={run.run_after} mode="exact" />],
          run.data_interval_start && run.data_interval_start !== run.data_interval_end
            ? [t("interval"), <span key="i"><TimeText time={run.data_interval_start} mode="exact" /> – <TimeText time={run.data_interval_end} mode="exact" /></span>] : null,
          [t("queued"), <TimeText key="q" time={run.queued_at} mode="exact" />],
          [t("ended"), <TimeText key="e" time={run.end_date} mode="exact" />],
          [t("versions"), <span key="v" className="num">{run.dag_versions.map((v) => v.version_number).join(", ") || "–"}</span>],
          run.partition_key ? [t("partition"), run.partition_key] : null,
          run.note ? [t("note"), run.note] : null,
        ]} />
      </Panel>
      {assets && assets.length > 0 && (
        <Panel title={t("assets")}>
          <ul>{assets.map((a) => <li key={a.id}><code>{a.uri ?? a.name}</code> <span className="muted"><TimeText time={a.timestamp} /></span></li>)}</ul>
        </Panel>
      )}
      {conf && <Panel title={t("conf")}><ValueView value={conf} label={t("conf")} /></Panel>}
    </>
  );
}
