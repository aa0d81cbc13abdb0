/* The lines that have some words, in slices: the page stays alive in a million lines. */
import { stripAnsi } from "./ansi";
import type { LogModel } from "./model";

export const HITS_MAX = 20_000;
const SLICE = 20_000;

export function matcher(words: string): RegExp | null {
  return words ? new RegExp(words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gi") : null;
}

export async function findLines(log: LogModel, words: string, from: number, signal: AbortSignal, hits: number[]): Promise<number> {
  const re = matcher(words);
  if (!re) return from;
  let n = Math.max(from, log.first);
  while (n < log.length && hits.length < HITS_MAX) {
    const end = Math.min(log.length, n + SLICE);
    for (; n < end && hits.length < HITS_MAX; n++) {
      re.lastIndex = 0;
      if (re.test(stripAnsi(log.line(n)))) hits.push(n);
    }
    await new Promise<void>((done) => setTimeout(done));
    if (signal.aborted) return n;
  }
  return n;
}

const AGAIN_MS = 1000;

/** All hits, and those of what is written later; one look after the other, however long one takes. */
export async function keepFinding(log: LogModel, words: string, signal: AbortSignal, tell: (hits: number[]) => void, again = AGAIN_MS) {
  const hits: number[] = [];
  for (let from = 0; !signal.aborted && hits.length < HITS_MAX; ) {
    const before = from;
    from = await findLines(log, words, from, signal, hits);
    if (signal.aborted) return;
    if (before === 0 || from > before) tell(hits.slice());
    await new Promise<void>((done) => setTimeout(done, again));
  }
}
