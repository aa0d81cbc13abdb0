import type { State } from "@/api/states";
import { cx } from "@/lib/cx";
import { shares } from "./decode";
import type { Counts } from "./decode";
import s from "./Grid.module.css";

/* What stands in a cell beside its colour. Success is plain: it is the rule, what stands out is the rest. */
export const GLYPHS: Record<State, string> = {
  success: "", failed: "✕", running: "▸", queued: "•", scheduled: "◦", up_for_retry: "↻", up_for_reschedule: "◔", upstream_failed: "▲", skipped: "»",
  deferred: "‖", restarting: "↺", removed: "∕", planned: "", none: "",
};
const HOLLOW = new Set<State>(["queued", "scheduled", "planned", "removed"]);

/** The mark of a cell: colour and sign; of several instances their shares. */
export function Mark({ state, counts }: { state: State; counts?: Counts }) {
  const parts = shares(counts);
  if (parts.length > 1) {
    // One failed of thousands is to be seen too.
    const sizes = parts.map((p) => Math.max(0.2, p.to - p.from)), sum = sizes.reduce((a, b) => a + b, 0);
    let at = 0;
    const stops = parts.map((p, i) => {
      const from = at;
      at += (sizes[i]! / sum) * 100;
      return `var(--s-${p.state}) ${from.toFixed(1)}% ${at.toFixed(1)}%`;
    }).join(",");
    return <span className={s.mark} style={{ background: `linear-gradient(to bottom,${stops})` }}>{GLYPHS[state]}</span>;
  }
  if (state === "none") return <span className={cx(s.mark, s.none)} />;
  if (HOLLOW.has(state)) return <span className={cx(s.mark, s.hollow)} style={{ borderColor: `var(--s-${state})`, color: `var(--s-${state}-fg)` }}>{GLYPHS[state]}</span>;
  return (
    <span className={cx(s.mark, state === "running" && s.running)} data-plain={state === "success" ? "✓" : undefined} style={{ background: `var(--s-${state})` }}>
      {GLYPHS[state]}
    </span>
  );
}
