import { useMemo } from "react";
import { highlight } from "@/lib/highlight";
import type { Syntax } from "@/lib/highlight";
import { CopyButton } from "@/components/CopyButton";
import { cx } from "@/lib/cx";
import s from "./CodeView.module.css";

/** Source text with line numbers. */
export function CodeView({ text, syntax = "text", label, wrap, maxHeight }: { text: string; syntax?: Syntax; label: string; wrap?: boolean; maxHeight?: string }) {
  const lines = useMemo(() => highlight(text.replace(/\n$/, ""), syntax), [text, syntax]);
  return (
    <div className={s.code}>
      <CopyButton text={text} className={s.copy} />
      <pre className={cx(s.pre, wrap && s.wrap)} tabIndex={0} role="region" aria-label={label} style={maxHeight ? { maxHeight } : undefined}>
        <code>
          {lines.map((line, i) => (
            <span key={i} className={s.line} data-line={i + 1}>
              {line.map((tok, j) => (tok.kind ? <span key={j} className={s[tok.kind]}>{tok.text}</span> : tok.text))}
              {"\n"}
            </span>
          ))}
        </code>
      </pre>
    </div>
  );
}
