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
