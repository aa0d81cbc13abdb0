import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router-dom";
import { path } from "@/api/client";
import { stateColor, stateOf } from "@/api/states";
import type { RunBar } from "@/api/types";
import { useTimezone } from "@/app/timezone";
import { duration, seconds } from "@/lib/time";
import s from "./RunBars.module.css";

const WIDTH = 6, GAP = 2, HEIGHT = 22;

/**
 * The last runs of a DAG, oldest first: a bar each, as tall as it took long. Without colour: a failed run stands on a dot, one that goes on is hollow.
 * A press on a bar opens its run; by keyboard the DAG's page does that.
 */
export function RunBars({ dag, runs, slots = 14 }: { dag: string; runs: readonly RunBar[]; slots?: number }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const tz = useTimezone();
  const shown = runs.slice(-slots);
  if (!shown.length) return <span className="muted">–</span>;
  const took = shown.map((r) => seconds(r.start_date, r.end_date) ?? 0);
  const longest = Math.max(...took, 0.001);
  const counts = new Map<string, number>();
  for (const r of shown) counts.set(stateOf(r.state), (counts.get(stateOf(r.state)) ?? 0) + 1);
  const label = [...counts].map(([st, n]) => `${n} ${t(`state.${st}`)}`).join(", ");
  return (
    <svg
      className={s.bars} role="img" aria-label={label} width={slots * (WIDTH + GAP) - GAP} height={HEIGHT + 5}
      onClick={(e) => {
        const run = (e.target as Element).closest<SVGElement>("[data-run]")?.dataset.run;
        if (!run) return;
        e.stopPropagation();
        navigate(path`/dags/${dag}/runs/${run}`);
      }}
    >
      {shown.map((r, i) => {
        const st = stateOf(r.state), live = st === "running" || st === "queued";
        const h = st === "queued" ? 5 : Math.max(5, Math.round(4 + (HEIGHT - 4) * Math.sqrt(took[i]! / longest)));
        const x = (slots - shown.length + i) * (WIDTH + GAP);
        const when = r.start_date ? `${tz.exact(r.start_date)} · ${duration(took[i]!)}` : r.run_id;
        return (
          <g key={r.run_id} data-run={r.run_id} data-tip={`${t(`state.${st}`)}\n${when}`} style={{ color: stateColor(st) }} className={s.bar}>
            <rect x={x - GAP / 2} y={0} width={WIDTH + GAP} height={HEIGHT + 5} fill="transparent" />
            {live ? (
              <rect x={x + 0.75} y={HEIGHT - h + 0.75} width={WIDTH - 1.5} height={h - 1.5} rx={1} fill="none" stroke="currentColor" strokeWidth={1.5} className={st === "running" ? s.live : undefined} />
            ) : (
              <rect x={x} y={HEIGHT - h} width={WIDTH} height={h} rx={1.5} fill="currentColor" />
            )}
            {st === "failed" && <circle cx={x + WIDTH / 2} cy={HEIGHT + 3} r={1.7} fill="currentColor" />}
          </g>
        );
      })}
    </svg>
  );
}
