import type { Param, Schema } from "@/dialogs/schema";

export interface Person {
  id: string;
  name: string;
}

export interface Hitl {
  subject: string;
  body: string | null;
  options: string[] | null;
  defaults: string[] | null;
  multiple: boolean;
  params: Record<string, unknown> | null;
  assigned_users: Person[];
  created_at: string | null;
  responded_by_user: Person | null;
  responded_at: string | null;
  chosen_options: string[] | null;
  params_input: Record<string, unknown> | null;
  response_received: boolean;
  task_instance: { dag_id: string; dag_run_id: string; task_id: string; map_index: number; state: string | null };
}

/** Params of a question are JSON Schemas with their default, {value, schema} as those of a DAG, or values. */
export function paramsOf(h: Hitl): Record<string, Param> {
  return Object.fromEntries(Object.entries(h.params ?? {}).map(([name, p]) => {
    const o = p as { value?: unknown; schema?: unknown; description?: string | null } | null;
    if (typeof o !== "object" || o === null || Array.isArray(o)) return [name, { value: p }];
    if ("schema" in o) return [name, o as Param];
    return [name, "type" in o || "enum" in o || "const" in o ? { value: (p as Schema).default, schema: p as Schema } : { value: p }];
  }));
}

/** A yes or no is answered by two buttons. */
export function isApproval(h: Hitl): boolean {
  const o = h.options ?? [];
  return !h.multiple && o.length === 2 && o.includes("Approve") && o.includes("Reject");
}

export const keyOf = (h: Hitl) => `${h.task_instance.dag_id}/${h.task_instance.dag_run_id}/${h.task_instance.task_id}/${h.task_instance.map_index}`;
