import { useMemo } from "react";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router-dom";
import { api, path } from "@/api/client";
import { useDag } from "@/api/dags";
import { keys } from "@/api/keys";
import { usePoll, useRecentRuns } from "@/api/runs";
import { useTimezone } from "@/app/timezone";
import { IconButton } from "@/components/Button";
import { ErrorState } from "@/components/ErrorState";
import { Skeleton } from "@/components/Page";
import { StateDot } from "@/components/StateDot";
import { cx } from "@/lib/cx";
import { makeFormats } from "@/lib/time";
import { useDagId } from "@/views/dag/DagFrame";
import { dayAfter, monthsOf, ran, weeks, worstOf } from "./month";
import type { Day } from "./month";
import s from "./Calendar.module.css";

const STATES = ["success", "failed", "running", "queued"] as const;

/** A year of runs, a day a place: how many ran and how, and on which days runs are to come. Days are those of the DAG's own zone. */
export default function CalendarView() {
  const { t, i18n } = useTranslation("calendar");
  const dag = useDagId();
  const details = useDag(dag);
  const poll = usePoll();
  const shownZone = useTimezone().zone;
  const zone = details.data?.timezone ?? shownZone;
  const formats = useMemo(() => makeFormats(zone, i18n.language), [zone, i18n.language]);
  const today = formats.day(Date.now());
  const [params, setParams] = useSearchParams();
  // It opens where the newest runs are: this year, if there are none.
  const recent = useRecentRuns(dag), newest = recent.data?.[0];
  const opens = newest ? formats.day(newest.logical_date ?? newest.run_after).slice(0, 4) : today.slice(0, 4);
  const year = Number(params.get("year")) || (recent.isPending || details.isPending ? undefined : Number(opens));
  const q = useQuery({
    queryKey: keys.dagPart(dag, "calendar", year),
    queryFn: () => api.get<{ days: Day[] }>(path`/ui/dags/${dag}/calendar`, { query: { year } }),
    enabled: year !== undefined,
    placeholderData: keepPreviousData,
    refetchInterval: poll,
  });
  const days = useMemo(() => new Map(q.data?.days.map((d) => [d.date, d])), [q.data]);
  const monthName = useMemo(() => new Intl.DateTimeFormat(i18n.language, { month: "long", timeZone: "UTC" }), [i18n.language]);
  const dayName = useMemo(() => new Intl.DateTimeFormat(i18n.language, { weekday: "narrow", timeZone: "UTC" }), [i18n.language]);
  const dayLong = useMemo(() => new Intl.DateTimeFormat(i18n.language, { weekday: "long", timeZone: "UTC" }), [i18n.language]);
  if (q.error && !q.data) return <ErrorState error={q.error} retry={q.refetch} />;
  const go = (y: number) => setParams({ year: String(y) }, { replace: true });
  const words = (d: Day | undefined) => [
    ...STATES.filter((x) => d?.[x]).map((x) => `${t(`common:state.${x}`)} ${d![x]}`),
    ...(d?.planned ? [`${t("common:state.planned")} ${d.planned}`] : []),
  ].join(", ");
  // 2024-01-01 was a Monday.
  const week = Array.from({ length: 7 }, (_, i) => new Date(Date.UTC(2024, 0, 1 + i)));
  const href = (date: string) => {
    const next = dayAfter(date);
    const offset = formats.offset(`${next}T00:00:00Z`).replace("UTC", "") || "+00:00";
    return path`/dags/${dag}/grid` + `?before=${encodeURIComponent(new Date(`${next}T00:00:00${offset}`).toISOString())}`;
  };
  return (
    <>
      <div className={s.tools}>
        <span className={s.nav}>
          <IconButton icon={ChevronLeft} label={t("previous")} onClick={() => year && go(year - 1)} />
          <span className={cx(s.year, "num")} role="status">{year}</span>
          <IconButton icon={ChevronRight} label={t("next")} onClick={() => year && go(year + 1)} />
        </span>
        <span className="muted">{t("zone", { zone })}</span>
        <div className={s.legend}>{[...STATES, "planned" as const].map((x) => <span key={x}><StateDot state={x} bare />{t(`common:state.${x}`)}</span>)}</div>
      </div>
      {!q.data || year === undefined ? <Skeleton rows={12} /> : (
        <div className={s.months}>
          {monthsOf(year, today).map((m) => (
            <div key={m} className={s.month}>
              <table>
                <caption>{monthName.format(new Date(Date.UTC(year, m, 1)))}</caption>
                <thead><tr>{week.map((d) => <th key={d.getTime()} scope="col"><abbr title={dayLong.format(d)} style={{ textDecoration: "none" }}>{dayName.format(d)}</abbr></th>)}</tr></thead>
                <tbody>
                  {weeks(year, m).map((w, i) => (
                    <tr key={i}>
                      {w.map((date, k) => {
                        if (date === null) return <td key={k} />;
                        const d = days.get(date), state = worstOf(d), n = ran(d);
                        const cls = cx(s.day, state === "planned" && s.planned, date === today && s.today);
                        const style = state && state !== "planned" ? { background: `var(--s-${state}-bg)`, color: `var(--s-${state}-fg)` } : undefined;
                        const inner = (
                          <>
                            <span>{Number(date.slice(8))}</span>
                            {n > 0 ? <span className={s.count}>{state === "failed" ? `✕${d!.failed}/${n}` : n}</span> : state === "planned" && <span className={s.count}>{d!.planned}</span>}
                            {n > 0 && <span className={s.share} aria-hidden>{STATES.filter((x) => d![x]).map((x) => <span key={x} style={{ flexGrow: d![x], background: `var(--s-${x})` }} />)}</span>}
                          </>
                        );
                        return (
                          <td key={k}>
                            {n > 0 ? <Link to={href(date)} className={cls} style={style} data-tip={`${date}\n${words(d)}`}>{inner}<span className="sr-only">{`, ${date}: ${words(d)}`}</span></Link>
                              : <span className={cls} style={style} data-tip={state ? `${date}\n${words(d)}` : undefined}>{inner}</span>}
                          </td>
                        );
                      })}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ))}
        </div>
      )}
    </>
  );
}
