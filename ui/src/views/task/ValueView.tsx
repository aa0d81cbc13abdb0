/* A value as what it is: text, a number, a list of rows as a table, anything else as a tree. */
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { CodeView } from "@/components/CodeView";
import { cx } from "@/lib/cx";
import s from "./Task.module.css";

const SHOWN = 100, ROWS = 200;
type Row = Record<string, unknown>;

const isRow = (v: unknown): v is Row => typeof v === "object" && v !== null && !Array.isArray(v);

/** The columns of a list whose items are flat objects with much the same members; null: it is no table. */
export function tableColumns(v: unknown): string[] | null {
  if (!Array.isArray(v) || !v.length || !v.slice(0, ROWS).every((x) => isRow(x) && Object.values(x).every((y) => typeof y !== "object" || y === null))) return null;
  const names = new Set<string>();
  for (const row of v.slice(0, ROWS) as Row[]) for (const k of Object.keys(row)) names.add(k);
  return names.size > 0 && names.size <= 30 ? [...names] : null;
}

function Scalar({ value }: { value: unknown }) {
  if (typeof value === "string") return <span className={s.str}>{JSON.stringify(value)}</span>;
  if (typeof value === "number") return <span className={s.num}>{String(value)}</span>;
  return <span className={s.word}>{String(value)}</span>;
}

function Tree({ name, value, depth }: { name?: string; value: unknown; depth: number }) {
  const { t } = useTranslation("task");
  const [more, setMore] = useState(SHOWN);
  const key = name !== undefined && <><span className={s.key}>{name}</span>: </>;
  if (typeof value !== "object" || value === null) return <div>{key}<Scalar value={value} /></div>;
  const entries = Array.isArray(value) ? value.map((v, i) => [String(i), v] as const) : Object.entries(value);
  if (!entries.length) return <div>{key}{Array.isArray(value) ? "[]" : "{}"}</div>;
  return (
    <details open={depth < 2}>
      <summary>{key}<span className="muted">{Array.isArray(value) ? "[…] " : "{…} "}{t("items", { count: entries.length })}</span></summary>
      <ul>
        {entries.slice(0, more).map(([k, v]) => <li key={k}><Tree name={k} value={v} depth={depth + 1} /></li>)}
        {entries.length > more && <li><button type="button" onClick={() => setMore(more + 1000)}>{t("more", { count: entries.length - more })}</button></li>}
      </ul>
    </details>
  );
}

export function ValueView({ value, label }: { value: unknown; label: string }) {
  const { t } = useTranslation("task");
  if (typeof value === "string") {
    // Text that is JSON is shown as what it says.
    if (/^\s*[[{]/.test(value) && value.length < 1_000_000) {
      try {
        return <ValueView value={JSON.parse(value)} label={label} />;
      } catch {
        // it is text
      }
    }
    return <div className={s.code}><CodeView text={value} label={label} wrap maxHeight="24rem" /></div>;
  }
  const columns = tableColumns(value);
  if (columns) {
    const rows = value as Row[];
    return (
      <div className={s.values} tabIndex={0} role="region" aria-label={label}>
        <table>
          <thead><tr>{columns.map((c) => <th key={c} scope="col">{c}</th>)}</tr></thead>
          <tbody>{rows.slice(0, ROWS).map((r, i) => <tr key={i}>{columns.map((c) => <td key={c} className={cx(typeof r[c] === "number" && "num")}>{r[c] === undefined ? "" : String(r[c])}</td>)}</tr>)}</tbody>
        </table>
        {rows.length > ROWS && <p className="muted">{t("more", { count: rows.length - ROWS })}</p>}
      </div>
    );
  }
  return <div className={s.tree}><Tree value={value} depth={0} /></div>;
}
