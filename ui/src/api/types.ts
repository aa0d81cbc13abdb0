/*
 * What the page's own API answers (/ui/…). Types of Airflow's operations come from api/openapi.yaml: import type { components } from "@/api/schema".
 */
export interface RunBar {
  run_id: string;
  state: string;
  start_date: string | null;
  end_date: string | null;
  run_type?: string;
}

export interface HealthPart {
  status: string | null;
  message?: string | null;
  [time: string]: string | null | undefined;
}

export type AttentionKind = "failed_run" | "import_error" | "late" | "required_action" | "stuck";

export interface Attention {
  kind: AttentionKind;
  dag_id: string | null;
  run_id: string | null;
  task_id: string | null;
  text: string;
  since: string | null;
}

export interface Home {
  health: Record<string, HealthPart | string | null>;
  counts: {
    running: number; queued: number; failed_24h: number; success_24h: number; import_errors: number; paused: number; active_dags: number; required_actions: number;
  };
  attention: Attention[];
  next: { dag_id: string; run_after: string }[];
  recent: { dag_id: string; run_id: string; state: string; start_date: string | null; end_date: string | null }[];
}

export interface DagRow {
  dag_id: string;
  description: string | null;
  tags: string[];
  owners: string[];
  paused: boolean;
  favorite: boolean;
  schedule: string | null;
  timezone: string | null;
  next_run: string | null;
  import_error: string | boolean | null;
  has_required_action: boolean;
  recent: RunBar[];
}

export interface DagPage {
  dags: DagRow[];
  next_cursor: string | null;
  total_entries: number;
}

/* Of Airflow's operations, as the page uses them: the description says of some members only that they may be null. */
export interface DagDetails {
  dag_id: string;
  is_paused: boolean;
  is_stale: boolean;
  is_favorite?: boolean;
  last_parsed_time: string | null;
  last_parsed: string | null;
  bundle_name: string | null;
  bundle_version: string | null;
  fileloc: string;
  relative_fileloc: string | null;
  description: string | null;
  timetable_summary: string | null;
  timetable_description: string | null;
  tags: { name: string }[];
  owners: string[];
  max_active_tasks: number;
  max_active_runs: number;
  max_consecutive_failed_dag_runs: number;
  has_import_errors: boolean;
  next_dagrun_logical_date: string | null;
  next_dagrun_run_after: string | null;
  catchup: boolean;
  dag_run_timeout: string | null;
  doc_md: string | null;
  start_date: string | null;
  end_date: string | null;
  is_paused_upon_creation: boolean | null;
  render_template_as_native_obj: boolean;
  timezone: string | null;
  default_args: Record<string, unknown> | null;
  params: Record<string, unknown> | null;
  active_runs_count?: number;
  latest_dag_version: DagVersion | null;
}

export interface DagVersion {
  id: string;
  version_number: number;
  bundle_name: string | null;
  bundle_version: string | null;
  bundle_url: string | null;
  created_at: string;
}

export interface DagRun {
  dag_run_id: string;
  dag_id: string;
  state: string;
  run_type: string;
  logical_date: string | null;
  run_after: string;
  queued_at: string | null;
  start_date: string | null;
  end_date: string | null;
  duration: number | null;
  data_interval_start: string | null;
  data_interval_end: string | null;
  triggered_by: string | null;
  triggering_user_name: string | null;
  conf: Record<string, unknown> | null;
  note: string | null;
  dag_versions: DagVersion[];
}
