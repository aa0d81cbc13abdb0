/* What the page says of an OpenAPI description: its operations by group, types as words, examples. References are followed, cycles are cut. */

export interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  nullable?: boolean;
  description?: string;
  enum?: readonly unknown[];
  default?: unknown;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, Schema>;
  required?: readonly string[];
  items?: Schema;
  additionalProperties?: boolean | Schema;
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
}

type Content = Record<string, { schema?: Schema }>;

export interface Answer {
  $ref?: string;
  description?: string;
  content?: Content;
}

interface OperationSpec {
  operationId: string;
  summary?: string;
  description?: string;
  tags?: readonly string[];
  "x-role"?: string;
  security?: readonly unknown[];
  parameters?: readonly Parameter[];
  requestBody?: { description?: string; required?: boolean; content?: Content };
  responses: Record<string, Answer>;
}

export interface Description {
  info: { description?: string };
  tags?: readonly { name: string; description?: string }[];
  paths: Record<string, Record<string, OperationSpec>>;
  components?: Record<string, Record<string, unknown>>;
}

export interface Operation extends OperationSpec {
  method: string; // GET
  path: string;
  tag: string;
  /** "none": nobody need sign in. "signed": the request is signed by itself, as a webhook's. Else the least role. */
  needs: string;
  text: string; // what a search looks through
}

export interface Group {
  tag: string;
  description?: string;
  operations: Operation[];
}

/** The groups in the order of the description's tags. */
export function groupsOf(d: Description): Group[] {
  const groups = new Map<string, Group>((d.tags ?? []).map((t) => [t.name, { tag: t.name, description: t.description, operations: [] }]));
  for (const [path, methods] of Object.entries(d.paths)) {
    for (const [method, spec] of Object.entries(methods)) {
      const tag = spec.tags?.[0] ?? "", role = spec["x-role"] ?? "none";
      const group = groups.get(tag) ?? { tag, operations: [] };
      groups.set(tag, group);
      group.operations.push({
        ...spec, method: method.toUpperCase(), path, tag,
        needs: spec.security?.length === 0 && role !== "none" ? "signed" : role,
        text: [method, path, tag, spec.operationId, spec.summary, spec.description, ...(spec.parameters ?? []).map((p) => p.name)].join(" "),
      });
    }
  }
  return [...groups.values()].filter((g) => g.operations.length);
}

/** What a reference names ("Dag"), and what stands there; anything else as it is. */
export function resolve<T extends { $ref?: string }>(d: Description, x: T): { name?: string; value: T } {
  const [, kind = "", name = ""] = /^#\/components\/(\w+)\/(.+)$/.exec(x.$ref ?? "") ?? [];
  return name ? { name, value: (d.components?.[kind]?.[name] ?? {}) as T } : { value: x };
}

/** A type in words: "array of Dag", "string (date-time) or null". */
export function typeOf(d: Description, schema: Schema): string {
  const { name, value: s } = resolve(d, schema);
  const base = name ?? (s.type === "array" && s.items ? `array of ${typeOf(d, s.items)}` : s.type ? s.type + (s.format ? ` (${s.format})` : "") : s.properties ? "object" : "any");
  return s.nullable && base !== "any" ? `${base} or null` : base;
}

/** What is allowed of it beside its type: values, least and most, what it is unless given. */
export function limitsOf(s: Schema): string {
  return [
    s.enum && s.enum.map((v) => String(v)).join(" | "),
    s.minimum !== undefined && `≥ ${s.minimum}`,
    s.maximum !== undefined && `≤ ${s.maximum}`,
    s.default !== undefined && `= ${JSON.stringify(s.default)}`,
  ].filter(Boolean).join(", ");
}

export interface Member {
  name: string;
  schema: Schema;
  required: boolean;
}

/**
 * The members of an object, or of what an array has; none of what has none. `names`: the references that were followed to it; `again`: it is within
 * itself, and goes no further.
 */
export function membersOf(d: Description, schema: Schema, within: readonly string[]): { members: Member[]; names: readonly string[]; again: boolean } {
  const { name, value: s } = resolve(d, schema);
  if (name && within.includes(name)) return { members: [], names: within, again: true };
  const names = name ? [...within, name] : within;
  if (s.type === "array" && s.items) return membersOf(d, s.items, names);
  const members = Object.entries(s.properties ?? {}).map(([n, x]) => ({ name: n, schema: x, required: s.required?.includes(n) ?? false }));
  if (typeof s.additionalProperties === "object") members.push({ name: "*", schema: s.additionalProperties, required: false });
  return { members, names, again: false };
}

const SAMPLES: Record<string, unknown> = { string: "string", integer: 0, number: 0, boolean: true, "string/date-time": "2026-01-01T00:00:00Z", "string/date": "2026-01-01" };

/** A value that fits: with what is required, or with everything where nothing is. */
export function sampleOf(d: Description, schema: Schema, within: readonly string[] = []): unknown {
  const { name, value: s } = resolve(d, schema);
  if (name && within.includes(name)) return {};
  const names = name ? [...within, name] : within;
  if (s.default !== undefined) return s.default;
  if (s.enum?.length) return s.enum[0];
  if (s.type === "array") return s.items ? [sampleOf(d, s.items, names)] : [];
  if (s.type === "object" || s.properties) {
    const all = Object.entries(s.properties ?? {});
    const some = all.filter(([n]) => s.required?.includes(n));
    return Object.fromEntries((some.length ? some : all).map(([n, x]) => [n, sampleOf(d, x, names)]));
  }
  return SAMPLES[`${s.type}/${s.format}`] ?? SAMPLES[s.type ?? ""] ?? null;
}

/** Names in capitals are to be replaced: /dags/DAG_ID. */
const placeholder = (name: string) => name.replace(/\W+/g, "_").toUpperCase();
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** The operation as a command of a shell. */
export function curlOf(d: Description, op: Operation, origin: string): string {
  const query = (op.parameters ?? []).filter((p) => p.in === "query" && p.required).map((p) => `${encodeURIComponent(p.name)}=${placeholder(p.name)}`).join("&");
  const url = origin + op.path.replace(/\{([^}]+)\}/g, (_, name: string) => placeholder(name)) + (query && `?${query}`);
  const types = Object.values(op.responses).flatMap((r) => Object.keys(resolve(d, r).value.content ?? {}));
  const body = op.requestBody?.content?.["application/json"]?.schema;
  return [
    `curl ${types.includes("text/event-stream") ? "-N " : ""}${op.method === "GET" ? "" : `-X ${op.method} `}${quoted(url)}`,
    op.needs !== "none" && op.needs !== "signed" && `-H "Authorization: Bearer $TOKEN"`,
    body && "-H 'Content-Type: application/json'",
    body && `-d ${quoted(JSON.stringify(sampleOf(d, body), null, 2))}`,
  ].filter(Boolean).join(" \\\n  ");
}
