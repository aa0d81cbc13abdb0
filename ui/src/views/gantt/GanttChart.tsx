/* When each try of a run's tasks waited and worked: a line a task, all its tries on it. */
import { useCallback, useLayoutEffect, useMemo, useRef, useState } from "react";
import { ChartGantt } from "lucide-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link } from "react-router-dom";
import { api, path } from "@/api/client";
import { keys } from "@/api/keys";
import { taskHref, usePoll } from "@/api/runs";
import { isLive, stateOf } from "@/api/states";
import { useTimezone } from "@/app/timezone";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Skeleton } from "@/components/Page";
import { useNow } from "@/lib/now";
import { duration } from "@/lib/time";
import { ticks } from "./scale";
import s from "./Gantt.module.css";

interface GanttRow {
  task_id: string;
  map_index: number;
  try: number;
  queued: string | null;
  start: string | null;
  end: string | null;
  state: string | null;
}

interface Answer {
  start: string | null;
  end: string | null;
  rows: GanttRow[];
  truncated: boolean;
}

const ROW = 24, OVER = 10;
const ms = (t: string | null) => (t ? Date.parse(t) : NaN);

export function GanttChart({ dag, run, live }: { dag: string; run: string; live: boolean }) {
  const { t } = useTranslation("gantt");
  const tz = useTimezone();
  const poll = usePoll();
  const q = useQuery({
    queryKey: keys.runPart(dag, run, "gantt"),
    queryFn: () => api.get<Answer>(path`/ui/dags/${dag}/runs/${run}/gantt`),
    refetchInterval: live ? poll : false,
  });
  const now = useNow(live ? 1000 : 0);
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, width: 0, height: 0 });
  const look = useCallback(() => {
    const el = box.current;
    if (el) setView((v) => (v.top === el.scrollTop && v.width === el.clientWidth && v.height === el.clientHeight ? v : { top: el.scrollTop, width: el.clientWidth, height: el.clientHeight }));
  }, []);
  const ready = q.data !== undefined && q.data.rows.length > 0;
  useLayoutEffect(() => {
    if (!box.current) return;
    look();
    const o = new ResizeObserver(look);
    o.observe(box.current);
    return () => o.disconnect();
  }, [look, ready]);

  const lines = useMemo(() => {
    const out = new Map<string, { task: string; index: number; bars: GanttRow[] }>();
    for (const r of q.data?.rows ?? []) {
      const key = `${r.task_id}\n${r.map_index}`;
      const line = out.get(key);
      if (line) line.bars.push(r);
      else out.set(key, { task: r.task_id, index: r.map_index, bars: [r] });
    }
    return [...out.values()];
  }, [q.data]);
  if (q.error && !q.data) return <ErrorState error={q.error} retry={q.refetch} />;
  if (!q.data) return <Skeleton rows={10} />;
  if (!lines.length) return <EmptyState icon={ChartGantt} title={t("nothing")} />;

  const firsts = q.data.rows.map((r) => Math.min(...[ms(r.queued), ms(r.start)].filter((x) => !Number.isNaN(x))));
  const ends = q.data.rows.map((r) => (r.end ? ms(r.end) : isLive(r.state) ? now || Date.now() : NaN)).filter((x) => !Number.isNaN(x));
  const from = Math.min(ms(q.data.start) || Infinity, ...firsts);
  const to = Math.max(from + 1, ...ends, ms(q.data.end) || 0);
  const span = (to - from) / 1000;
  const name = view.width && view.width < 560 ? 120 : 220;
  const room = Math.max(80, view.width - name - 90);
  const x = (time: number) => name + 8 + ((time - from) / (to - from)) * room;
  const marks = ticks(span, room);
  const first = Math.max(0, Math.floor((view.top - 28) / ROW) - OVER), last = Math.min(lines.length, Math.ceil((view.top + view.height) / ROW) + OVER);
  return (
    <div className={s.frame} style={{ "--name": `${name}px` } as React.CSSProperties}>
      {q.data.truncated && <p className={s.note}>{t("truncated")}</p>}
      <div ref={box} className={s.box} onScroll={look} role="group" aria-label={t("label", { run })}>
        <div className={s.head} aria-hidden>
          {marks.map((m) => <span key={m} className={s.tick} style={{ left: x(from + m * 1000) }}>{m === 0 ? tz.clock(from) : `+${duration(m)}`}</span>)}
        </div>
        <div className={s.body} style={{ height: lines.length * ROW }}>
          {marks.map((m) => <span key={m} aria-hidden className={s.rule} style={{ left: x(from + m * 1000) }} />)}
          {lines.slice(first, last).map((line, k) => {
            const end = line.bars[line.bars.length - 1]!;
            const words = line.bars.map((b) => {
              const began = ms(b.start), ended = b.end ? ms(b.end) : now || Date.now();
              return [
                t("try", { n: b.try }), t(`common:state.${stateOf(b.state)}`), Number.isNaN(began) ? "" : tz.clock(began),
                Number.isNaN(began) ? "" : duration((ended - began) / 1000), b.queued && b.start ? t("waited", { time: duration((ms(b.start) - ms(b.queued)) / 1000) }) : "",
              ].filter(Boolean).join(" · ");
            });
            const label = `${line.task}${line.index >= 0 ? ` [${line.index}]` : ""}`;
            const endX = x(end.end ? ms(end.end) : isLive(end.state) ? to : ms(end.start) || from);
            const took = end.start ? ((end.end ? ms(end.end) : now || Date.now()) - ms(end.start)) / 1000 : null;
            return (
              <Link
                key={`${line.task}/${line.index}`} to={taskHref(dag, run, line.task, line.index)} className={s.row} style={{ transform: `translateY(${(first + k) * ROW}px)` }}
                data-tip={`${label}\n${words.join("\n")}`}
              >
                <span className={s.name}>{label}</span>
                <span className="sr-only">{words.join("; ")}</span>
                {line.bars.map((b) => {
                  const queued = ms(b.queued), began = ms(b.start), ended = b.end ? ms(b.end) : isLive(b.state) ? to : began;
                  return (
                    <span key={b.try}>
                      {b.queued && <span className={s.queue} style={{ left: x(queued), width: Math.max(0, x(Number.isNaN(began) ? to : began) - x(queued)) }} />}
                      {b.start && <span className={s.bar} style={{ left: x(began), width: Math.max(3, x(ended) - x(began)), background: `var(--s-${stateOf(b.state)})` }} />}
                    </span>
                  );
                })}
                {took !== null && <span aria-hidden className={s.time} style={{ left: endX + 2 }}>{duration(took)}</span>}
              </Link>
            );
          })}
        </div>
      </div>
    </div>
  );
}
