/* Variables as a file: {"key": value, …} or {"key": {"value": …, "description": …}, …}, as Airflow's command line writes and reads it. */
export interface Variable {
  key: string;
  value: string | null;
  description: string | null;
  is_encrypted?: boolean;
}

export interface Imported {
  key: string;
  value: string;
  description?: string;
}

export const MASK = "***";

const text = (v: unknown) => (typeof v === "string" ? v : JSON.stringify(v));

/** A value that is JSON is written as JSON. */
function valueOf(v: string | null): unknown {
  try {
    const parsed: unknown = JSON.parse(v ?? "");
    return typeof parsed === "object" && parsed !== null ? parsed : v;
  } catch {
    return v;
  }
}

/** What is masked was never sent to the page: it is left out, and counted. */
export function toFile(list: readonly Variable[]): { text: string; left: string[] } {
  const left = list.filter((v) => v.value?.includes(MASK)).map((v) => v.key);
  const out = Object.fromEntries(list.filter((v) => !v.value?.includes(MASK)).map((v) => [
    v.key, v.description ? { value: valueOf(v.value), description: v.description } : valueOf(v.value),
  ]));
  return { text: `${JSON.stringify(out, null, 2)}\n`, left };
}

export function fromFile(content: string): Imported[] {
  const all: unknown = JSON.parse(content);
  if (typeof all !== "object" || all === null || Array.isArray(all)) throw new Error("not an object");
  return Object.entries(all).map(([key, v]) => {
    const o = v as { value?: unknown; description?: unknown } | null;
    const wrapped = typeof o === "object" && o !== null && "value" in o && Object.keys(o).every((k) => k === "value" || k === "description");
    return wrapped ? { key, value: text(o.value), ...(typeof o.description === "string" && { description: o.description }) } : { key, value: text(v) };
  });
}

/** Gives the browser a file to keep. */
export function download(name: string, content: string) {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  a.download = name;
  a.click();
  window.setTimeout(() => URL.revokeObjectURL(a.href), 1000);
}
