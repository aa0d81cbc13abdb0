/* Days of a year as a wall calendar has them: weeks from Monday. */
export interface Day {
  date: string; // 2026-11-27
  success: number;
  failed: number;
  running: number;
  queued: number;
  planned: number;
}

export const ran = (d: Day | undefined): number => (d ? d.success + d.failed + d.running + d.queued : 0);

/** The state by which a day is shown: the worst of what ran, else that something is planned. */
export function worstOf(d: Day | undefined): "failed" | "running" | "queued" | "success" | "planned" | null {
  if (!d) return null;
  if (d.failed) return "failed";
  if (d.running) return "running";
  if (d.queued) return "queued";
  if (d.success) return "success";
  return d.planned ? "planned" : null;
}

/** The weeks of a month: seven places each, null where the day is of another month. */
export function weeks(year: number, month: number): (string | null)[][] {
  const first = (new Date(Date.UTC(year, month, 1)).getUTCDay() + 6) % 7;
  const days = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const out: (string | null)[][] = [];
  for (let at = -first; at < days; at += 7) {
    out.push(Array.from({ length: 7 }, (_, i) => {
      const d = at + i + 1;
      return d < 1 || d > days ? null : `${year}-${String(month + 1).padStart(2, "0")}-${String(d).padStart(2, "0")}`;
    }));
  }
  return out;
}

export function dayAfter(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
}

/** The months of a year, the newest first, as in all lists of runs: this month, those before it, then those to come. */
export function monthsOf(year: number, today: string): number[] {
  const all = Array.from({ length: 12 }, (_, m) => m);
  const now = today.startsWith(`${year}-`) ? Number(today.slice(5, 7)) - 1 : 11;
  return [...all.slice(0, now + 1).reverse(), ...all.slice(now + 1)];
}
