export interface RunTime {
  run_id: string;
  run_after: string;
  queued_s: number | null;
  run_s: number | null;
  state: string;
}

/** The q-th part of sorted numbers, between neighbours in proportion. */
export function quantile(sorted: readonly number[], q: number): number | null {
  if (!sorted.length) return null;
  const at = (sorted.length - 1) * q, i = Math.floor(at);
  const a = sorted[i]!, b = sorted[Math.min(i + 1, sorted.length - 1)]!;
  return a + (b - a) * (at - i);
}

/** Of each run the median of it and those before it, `window` together: what is usual just then. */
export function movingMedian(list: readonly (number | null)[], window: number): (number | null)[] {
  return list.map((_, i) => quantile(list.slice(Math.max(0, i - window + 1), i + 1).filter((x): x is number => x !== null).sort((a, b) => a - b), 0.5));
}
