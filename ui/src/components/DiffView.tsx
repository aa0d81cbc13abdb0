import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { diff, fold } from "@/lib/diff";
import type { DiffLine } from "@/lib/diff";
import { cx } from "@/lib/cx";
import s from "./DiffView.module.css";

const SIGN = { add: "+", del: "−", same: " " } as const;

/** What changed from one text to another, line by line; each line has its sign besides its colour. */
export function DiffView({ from, to, label }: { from: string; to: string; label: string }) {
  const { t } = useTranslation();
  const parts = useMemo(() => fold(diff(from, to)), [from, to]);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  if (from === to) return <p className={cx(s.same, "muted")}>{t("diff.same")}</p>;
  return (
    <div className={s.diff} role="region" aria-label={label} tabIndex={0}>
      {parts.map((p, i) =>
        p.kind !== "gap" ? (
          <Line key={i} line={p} />
        ) : open.has(i) ? (
          p.lines.map((l, j) => <Line key={`${i}.${j}`} line={l} />)
        ) : (
          <button key={i} type="button" className={s.gap} onClick={() => setOpen(new Set([...open, i]))}>{t("diff.gap", { count: p.lines.length })}</button>
        ),
      )}
    </div>
  );
}

function Line({ line }: { line: DiffLine }) {
  return (
    <div className={cx(s.line, s[line.kind])}>
      <span className={s.number}>{line.old ?? ""}</span>
      <span className={s.number}>{line.now ?? ""}</span>
      <span className={s.sign}>{SIGN[line.kind]}</span>
      <code className={s.text}>{line.text || " "}</code>
    </div>
  );
}
