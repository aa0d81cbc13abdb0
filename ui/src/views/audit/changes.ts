/* What an entry of the audit trail changed: the members of before and after that differ, by their path. */
export interface Change {
  path: string; // "" is the whole
  before: string | null; // null: it was not there
  after: string | null;
}

const text = (v: unknown) => (typeof v === "string" ? v : JSON.stringify(v));
const isObject = (v: unknown): v is Record<string, unknown> => typeof v === "object" && v !== null && !Array.isArray(v);

export function changesOf(before: unknown, after: unknown, path = ""): Change[] {
  if (isObject(before) || isObject(after)) {
    const a = isObject(before) ? before : {}, b = isObject(after) ? after : {};
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((k) => changesOf(a[k], b[k], path ? `${path}.${k}` : k));
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const shown = (v: unknown) => (v === undefined || v === null ? null : text(v));
  if (shown(before) === null && shown(after) === null) return [];
  return [{ path, before: shown(before), after: shown(after) }];
}

function parse(v: unknown): unknown {
  if (typeof v !== "string") return v;
  try {
    return JSON.parse(v);
  } catch {
    return v;
  }
}

/** An entry's before and after: of their own, or both within `extra`; `extra` alone is what came of it. */
export function sidesOf(entry: { before?: unknown; after?: unknown; extra?: unknown }): { before: unknown; after: unknown } {
  if (entry.before !== undefined || entry.after !== undefined) return { before: parse(entry.before), after: parse(entry.after) };
  const extra = parse(entry.extra);
  if (isObject(extra) && ("before" in extra || "after" in extra)) return { before: parse(extra.before), after: parse(extra.after) };
  return { before: null, after: extra };
}
