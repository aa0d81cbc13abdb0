/* Lines of two texts beside each other, for the code view. The comparison is the library's; here is what the page shows of it. */
import { diffLines } from "diff";

export interface DiffLine {
  kind: "same" | "add" | "del";
  text: string;
  old?: number; // line numbers, from 1
  now?: number;
}

export interface DiffGap {
  kind: "gap";
  lines: DiffLine[]; // the same in both; shown on request
}

export function diff(from: string, to: string): DiffLine[] {
  const out: DiffLine[] = [];
  let old = 1, now = 1;
  for (const part of diffLines(from, to)) {
    const lines = part.value.endsWith("\n") ? part.value.slice(0, -1).split("\n") : part.value.split("\n");
    for (const text of lines) {
      if (part.added) out.push({ kind: "add", text, now: now++ });
      else if (part.removed) out.push({ kind: "del", text, old: old++ });
      else out.push({ kind: "same", text, old: old++, now: now++ });
    }
  }
  return out;
}

/** Folds what is the same, but for `context` lines around each change. */
export function fold(lines: readonly DiffLine[], context = 3): (DiffLine | DiffGap)[] {
  const near = new Array<boolean>(lines.length).fill(false);
  lines.forEach((l, i) => {
    if (l.kind !== "same") for (let j = Math.max(0, i - context); j <= Math.min(lines.length - 1, i + context); j++) near[j] = true;
  });
  const out: (DiffLine | DiffGap)[] = [];
  lines.forEach((l, i) => {
    const last = out[out.length - 1];
    if (near[i]) out.push(l);
    else if (last?.kind === "gap") last.lines.push(l);
    else out.push({ kind: "gap", lines: [l] });
  });
  return out;
}
