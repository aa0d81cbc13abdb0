/*
 * Enough of Markdown for descriptions: headings, lists, paragraphs, code, bold, italic, links. It makes elements, never HTML; addresses other than
 * http, https and mailto stay text.
 */
import { Fragment } from "react";
import type { ReactNode } from "react";
import s from "./dialogs.module.css";

const INLINE = /(`[^`\n]+`)|(\*\*[^*\n]+\*\*)|(\*[^*\s][^*\n]*\*|\b_[^_\n]+_\b)|\[([^\]\n]+)\]\(([^)\s]+)\)/g;

function inline(text: string): ReactNode[] {
  const out: ReactNode[] = [];
  let at = 0;
  for (const m of text.matchAll(INLINE)) {
    if (m.index > at) out.push(text.slice(at, m.index));
    at = m.index + m[0].length;
    if (m[1]) out.push(<code key={at}>{m[1].slice(1, -1)}</code>);
    else if (m[2]) out.push(<strong key={at}>{m[2].slice(2, -2)}</strong>);
    else if (m[3]) out.push(<em key={at}>{m[3].slice(1, -1)}</em>);
    else if (/^(https?:\/\/|mailto:)/i.test(m[5]!)) out.push(<a key={at} href={m[5]} target="_blank" rel="noreferrer noopener">{m[4]}</a>);
    else out.push(m[0]);
  }
  if (at < text.length) out.push(text.slice(at));
  return out;
}

export function Markdown({ text, className }: { text: string; className?: string }) {
  const blocks = text.trim().split(/```[^\n]*\n?/);
  return (
    <div className={[s.markdown, className].filter(Boolean).join(" ")}>
      {blocks.map((block, i) => (i % 2 ? <pre key={i}><code>{block.replace(/\n$/, "")}</code></pre> : <Fragment key={i}>{paragraphs(block)}</Fragment>))}
    </div>
  );
}

function paragraphs(text: string): ReactNode[] {
  return text.split(/\n\s*\n/).filter((p) => p.trim()).map((p, i) => {
    const lines = p.trim().split("\n");
    if (lines.every((l) => /^\s*[-*] /.test(l))) return <ul key={i}>{lines.map((l, j) => <li key={j}>{inline(l.replace(/^\s*[-*] /, ""))}</li>)}</ul>;
    if (lines.every((l) => /^\s*\d+\. /.test(l))) return <ol key={i}>{lines.map((l, j) => <li key={j}>{inline(l.replace(/^\s*\d+\. /, ""))}</li>)}</ol>;
    const heading = /^#{1,6} +(.*)$/.exec(lines[0]!);
    if (heading && lines.length === 1) return <p key={i}><strong>{inline(heading[1]!)}</strong></p>;
    return <p key={i}>{lines.map((l, j) => <Fragment key={j}>{j > 0 && " "}{inline(l)}</Fragment>)}</p>;
  });
}
