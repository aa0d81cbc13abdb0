export interface ModelNode {
  id: string;
  label: string;
  kind: "start" | "end" | "activity" | "choice" | "parallel";
  frequency: number;
  median_s: number | null;
  median_wait_s?: number | null;
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface ModelEdge {
  from: string;
  to: string;
  frequency: number;
  median_wait_s: number | null;
  points?: [number, number][];
}

export interface Drift {
  before?: string | null;
  version: string;
  since?: string | null;
  cases_before?: number;
  cases?: number;
  tested?: boolean;
  flow_changed?: boolean;
  flow_p?: number;
  flows?: { from: string; to: string; before: number; after: number }[];
  times?: { activity: string; before_s: number; after_s: number; p: number }[];
  added?: string[];
  removed?: string[];
}

export interface Process {
  algorithm?: string;
  traces: number;
  events?: number;
  median_s?: number | null;
  fitness: number | null;
  precision: number | null;
  generalization: number | null;
  simplicity: number | null;
  model: { width?: number; height?: number; nodes: ModelNode[]; edges: ModelEdge[]; tree?: string | null };
  follows?: { from: string; to: string; frequency: number; in_dag: boolean | null }[];
  variants: { n: number; activities: string[]; median_s: number | null; example?: string }[];
  variants_total?: number;
  bottlenecks: { activity: string; path_share?: number; wait_share?: number; median_wait_s?: number | null; median_s?: number | null }[];
  drift: Drift[];
}

/** Whether a version differs from the one before in anything that is told. */
export const drifted = (d: Drift) => Boolean(d.flow_changed || d.times?.length || d.added?.length || d.removed?.length);
