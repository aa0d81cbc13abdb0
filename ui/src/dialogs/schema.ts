/*
 * A form from the JSON Schemas of a DAG's params. Each param becomes a field with a control of its kind; what stands in the control (a draft) is
 * turned into the value that the run gets, or an error. The server judges again: this here only saves the round.
 */
export interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  description_md?: string;
  section?: string;
  enum?: unknown[];
  const?: unknown;
  values_display?: Record<string, string>;
  examples?: unknown[];
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  items?: Schema;
  default?: unknown;
}

export interface Param {
  value: unknown;
  schema?: Schema | null;
  description?: string | null;
}

export type Kind =
  | "boolean" | "integer" | "number" | "choice" | "choices" | "date" | "date-time" | "time" | "text" | "multiline" | "lines" | "json" | "constant";

export interface ParamField {
  name: string;
  kind: Kind;
  label: string;
  description: string;
  section: string;
  nullable: boolean;
  required: boolean; // an empty control is an error
  schema: Schema;
  initial: unknown; // undefined: the param has no default
  options: { value: unknown; label: string }[]; // of choice and choices
  suggestions: string[]; // of texts and numbers
}

/** What a control holds. */
export type Draft = string | boolean | string[];
export type Drafts = Record<string, Draft>;

/** A key of dialogs.json's "invalid", and its arguments. */
export interface Invalid {
  code: string;
  args?: Record<string, unknown>;
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
const shown = (v: unknown) => (typeof v === "string" ? v : JSON.stringify(v));

function typesOf(schema: Schema, value: unknown): string[] {
  if (schema.type !== undefined) return Array.isArray(schema.type) ? schema.type : [schema.type];
  if (value === null || value === undefined) return [];
  return [Array.isArray(value) ? "array" : Number.isInteger(value) ? "integer" : typeof value];
}

function kindOf(schema: Schema, types: string[]): Kind {
  const main = types.filter((t) => t !== "null");
  if ("const" in schema) return "constant";
  if (schema.enum) return "choice";
  if (main.length > 1) return main.every((t) => t === "integer" || t === "number") ? "number" : "json";
  switch (main[0]) {
    case "boolean":
      return "boolean";
    case "integer":
    case "number":
      return main[0];
    case "array":
      if (schema.items?.enum || (schema.examples && (!schema.items?.type || schema.items.type === "string"))) return "choices";
      return schema.items?.type === undefined || schema.items.type === "string" ? "lines" : "json";
    case "object":
      return "json";
    case "string":
      if (schema.format === "date" || schema.format === "date-time" || schema.format === "time") return schema.format;
      return schema.format === "multiline" ? "multiline" : "text";
    default:
      return schema.type === undefined ? "json" : "text";
  }
}

export function fieldOf(name: string, param: Param): ParamField {
  const schema = param.schema ?? {};
  const initial = param.value ?? schema.default;
  const types = typesOf(schema, initial);
  let kind = kindOf(schema, types);
  // A list whose elements are no texts is not a list of lines.
  if (kind === "lines" && Array.isArray(initial) && initial.some((v) => typeof v !== "string" || v.includes("\n"))) kind = "json";
  const nullable = types.includes("null") || (types.length === 0 && !schema.enum && !("const" in schema)) || Boolean(schema.enum?.includes(null));
  const list = kind === "choice" ? schema.enum! : kind === "choices" ? (schema.items?.enum ?? schema.examples ?? []) : [];
  return {
    name, kind, nullable, schema,
    label: schema.title || name,
    description: schema.description_md ?? schema.description ?? param.description ?? "",
    section: schema.section ?? "",
    required: !nullable && (kind !== "text" && kind !== "multiline" ? true : (schema.minLength ?? 0) > 0 || initial === undefined || initial === null),
    initial: initial === null && !nullable ? undefined : initial,
    options: list.filter((v) => v !== null).map((value) => ({ value, label: schema.values_display?.[shown(value)] ?? shown(value) })),
    suggestions: kind === "text" || kind === "integer" || kind === "number" ? (schema.examples ?? []).map(shown) : [],
  };
}

export function fieldsOf(params: Record<string, Param> | null | undefined): ParamField[] {
  return Object.entries(params ?? {}).map(([name, p]) => fieldOf(name, p));
}

/** Fields by section, in the order of their first field; those of none come first. */
export function sectionsOf(fields: readonly ParamField[]): [string, ParamField[]][] {
  const map = new Map<string, ParamField[]>([["", []]]);
  for (const f of fields) {
    const list = map.get(f.section);
    if (list) list.push(f);
    else map.set(f.section, [f]);
  }
  return [...map].filter(([, list]) => list.length);
}

export function draftOf(field: ParamField, value: unknown = field.initial): Draft {
  switch (field.kind) {
    case "boolean":
      return value === true;
    case "choices":
      return Array.isArray(value) ? value.map((v) => JSON.stringify(v)) : [];
    case "choice":
      return value === undefined || value === null ? "" : JSON.stringify(value);
    case "constant":
      return JSON.stringify(field.schema.const);
    case "lines":
      return Array.isArray(value) ? value.join("\n") : "";
    case "json":
      return value === undefined ? "" : JSON.stringify(value, null, 2);
    default:
      return value === undefined || value === null ? "" : shown(value);
  }
}

const bad = (code: string, args?: Record<string, unknown>) => ({ error: { code, args } as Invalid });

function checkNumber(text: string, field: ParamField): { value: number } | { error: Invalid } {
  const s = field.schema;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return bad(field.kind);
  const n = Number(text);
  if (!Number.isFinite(n)) return bad("number");
  if (field.kind === "integer" && !Number.isInteger(n)) return bad("integer");
  if (Number.isInteger(n) && !Number.isSafeInteger(n)) return bad("unsafe");
  if (s.minimum !== undefined && n < s.minimum) return bad("minimum", { n: s.minimum });
  if (s.maximum !== undefined && n > s.maximum) return bad("maximum", { n: s.maximum });
  if (s.exclusiveMinimum !== undefined && n <= s.exclusiveMinimum) return bad("above", { n: s.exclusiveMinimum });
  if (s.exclusiveMaximum !== undefined && n >= s.exclusiveMaximum) return bad("below", { n: s.exclusiveMaximum });
  return { value: n };
}

function checkText(text: string, s: Schema): Invalid | null {
  const length = [...text].length;
  if (s.minLength !== undefined && length < s.minLength) return { code: "minLength", args: { count: s.minLength } };
  if (s.maxLength !== undefined && length > s.maxLength) return { code: "maxLength", args: { count: s.maxLength } };
  if (s.pattern !== undefined) {
    try {
      if (!new RegExp(s.pattern, "u").test(text)) return { code: "pattern", args: { pattern: s.pattern } };
    } catch {
      // A pattern that only the server knows: it judges.
    }
  }
  return null;
}

function checkList(list: unknown[], s: Schema): Invalid | null {
  if (s.minItems !== undefined && list.length < s.minItems) return { code: "minItems", args: { count: s.minItems } };
  if (s.maxItems !== undefined && list.length > s.maxItems) return { code: "maxItems", args: { count: s.maxItems } };
  if (s.uniqueItems && new Set(list.map((v) => JSON.stringify(v))).size < list.length) return { code: "unique" };
  for (const v of list) {
    const wrong = typeof v === "string" && s.items && checkText(v, s.items);
    if (wrong) return { code: "item", args: { item: v, ...wrong.args } };
  }
  return null;
}

/** 2026-02-30 and 25:61 are none. */
function isDate(text: string): boolean {
  const m = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (!m) return false;
  const d = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(d.getTime()) && d.toISOString().slice(0, 10) === text;
}

function isTime(text: string): boolean {
  return /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$/.test(text);
}

/** The value of a control, or what is wrong with it. */
export function valueOf(field: ParamField, draft: Draft): { value: unknown } | { error: Invalid } {
  const s = field.schema;
  if (field.kind === "boolean") return { value: draft === true };
  if (field.kind === "constant") return { value: s.const };
  if (field.kind === "choices") {
    const list = (draft as string[]).map((v) => JSON.parse(v) as unknown);
    if (!list.length && field.nullable && !Array.isArray(field.initial)) return { value: null };
    const error = checkList(list, s);
    return error ? { error } : { value: list };
  }
  const text = String(draft);
  if (field.kind === "text" || field.kind === "multiline") {
    if (text === "" && field.nullable) return { value: null };
    if (text === "" && field.required) return bad("required");
    const error = checkText(text, s);
    return error ? { error } : { value: text };
  }
  if (field.kind === "lines") {
    const list = text.split("\n").map((l) => l.trim()).filter(Boolean);
    if (!list.length && field.nullable && !Array.isArray(field.initial)) return { value: null };
    const error = checkList(list, s);
    return error ? { error } : { value: list };
  }
  if (text.trim() === "") return field.nullable ? { value: null } : bad("required");
  switch (field.kind) {
    case "integer":
    case "number":
      return checkNumber(text.trim(), field);
    case "choice":
      return { value: JSON.parse(text) as unknown };
    case "date":
      return isDate(text) ? { value: text } : bad("date");
    case "time":
      return isTime(text) ? { value: text } : bad("time");
    case "date-time":
      return Number.isNaN(new Date(text).getTime()) ? bad("dateTime") : { value: text };
    default: {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch (e) {
        return bad("json", { why: e instanceof Error ? e.message : "" });
      }
      const types = typesOf(s, undefined), is = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
      const fits = !types.length || types.includes(is) || (is === "number" && types.includes("integer") && Number.isInteger(value));
      if (!fits) return bad("type", { type: types.join(" / ") });
      const error = Array.isArray(value) ? checkList(value, s) : null;
      return error ? { error } : { value };
    }
  }
}

export interface Conf {
  conf: Record<string, unknown>; // all values; of fields with errors none
  given: Record<string, unknown>; // those that are not the default: what the run is given
  errors: Record<string, Invalid>;
}

/** `extra`: members of the conf that are no params. */
export function confOf(fields: readonly ParamField[], drafts: Drafts, extra: Record<string, unknown> = {}): Conf {
  const out: Conf = { conf: {}, given: {}, errors: {} };
  for (const f of fields) {
    const r = valueOf(f, drafts[f.name] ?? draftOf(f));
    if ("error" in r) out.errors[f.name] = r.error;
    else {
      out.conf[f.name] = r.value;
      if (f.initial === undefined ? r.value !== null : !same(r.value, f.initial)) out.given[f.name] = r.value;
    }
  }
  Object.assign(out.conf, extra);
  Object.assign(out.given, extra);
  return out;
}

/** The other way: drafts of a conf that was written by hand, and the members that are no params. */
export function draftsOf(fields: readonly ParamField[], conf: Record<string, unknown>): { drafts: Drafts; extra: Record<string, unknown> } {
  const names = new Set(fields.map((f) => f.name));
  return {
    drafts: Object.fromEntries(fields.map((f) => [f.name, draftOf(f, f.name in conf ? conf[f.name] : f.initial)])),
    extra: Object.fromEntries(Object.entries(conf).filter(([name]) => !names.has(name))),
  };
}

/** A text that must be a JSON object. */
export function parseObject(text: string): { value: Record<string, unknown> } | { error: Invalid } {
  if (!text.trim()) return { value: {} };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (e) {
    return bad("json", { why: e instanceof Error ? e.message : "" });
  }
  return value !== null && typeof value === "object" && !Array.isArray(value) ? { value: value as Record<string, unknown> } : bad("type", { type: "object" });
}

/** The server names params in its words: param 'limit': 0 is below its minimum 1. What it says of each, and what of none. */
export function serverErrors(detail: string, fields: readonly ParamField[]): { byField: Record<string, string>; rest: string } {
  const byField: Record<string, string> = {};
  const names = new Set(fields.map((f) => f.name));
  const parts = detail.split(/(?=param ')/);
  const rest = parts.filter((part) => {
    const m = /^param '([^']*)':? ?([\s\S]*)$/.exec(part);
    if (!m || !names.has(m[1]!)) return true;
    byField[m[1]!] = m[2]!.replace(/[;\s]+$/, "");
    return false;
  });
  return { byField, rest: Object.keys(byField).length ? "" : rest.join("").trim() };
}
