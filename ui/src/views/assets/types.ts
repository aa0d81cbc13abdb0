export interface AssetRef {
  dag_id: string;
  task_id?: string;
}

export interface Asset {
  id: number;
  name: string;
  uri: string;
  group: string | null;
  extra: Record<string, unknown> | null;
  created_at: string | null;
  scheduled_dags?: AssetRef[];
  producing_tasks?: AssetRef[];
  consuming_tasks?: AssetRef[];
  last_asset_event?: { id: number | null; timestamp: string | null } | null;
}

export interface AssetEvent {
  id: number;
  asset_id: number;
  uri: string;
  name: string;
  extra: Record<string, unknown> | null;
  source_dag_id: string | null;
  source_task_id: string | null;
  source_run_id: string | null;
  source_map_index: number;
  created_dagruns?: { dag_id: string; run_id: string; state: string }[];
  timestamp: string;
  partition_key: string | null;
}

export interface QueuedEvent {
  dag_id: string;
  asset_id: number;
  created_at: string;
}

/** The DAGs that the asset starts, each once. */
export const consumersOf = (a: Asset) => [...new Set((a.scheduled_dags ?? []).map((d) => d.dag_id))];
export const producersOf = (a: Asset) => a.producing_tasks ?? [];
