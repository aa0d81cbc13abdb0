/*
 * Tasks by runs. Only the rows and columns that are seen are in the page, and those that have the focus. One element has tabIndex 0; arrows
 * move it: row -1 are the runs, column -1 the tasks' names.
 */
import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { ChevronDown, ChevronRight } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useTimezone } from "@/app/timezone";
import { RUN_STATES, stateColor, TASK_STATES } from "@/api/states";
import type { State } from "@/api/states";
import { StateDot } from "@/components/StateDot";
import { cx } from "@/lib/cx";
import { duration, seconds } from "@/lib/time";
import { shortLabel } from "./decode";
import type { Counts, Grid, GridRun, GridTask } from "./decode";
import { Mark } from "./marks";
import s from "./Grid.module.css";

const ROW = 22, COL = 20, HEAD = 88, BAR = 46, OVER = 10;

interface At { r: number; c: number }

export interface GridPaneProps {
  grid: Grid;
  rows: Int32Array;
  closed: ReadonlySet<string>;
  onToggle: (id: string) => void;
  selected: { run: string | null; task: string | null };
  onSelect: (run: string, task: string | null) => void;
  onOpen: (run: string, task: string | null) => void;
  searching: boolean;
  label: string;
}

function tipOf(task: GridTask, when: string, state: string, counts: Counts | undefined, words: Record<string, string>): string {
  const parts = counts ? Object.entries(counts).map(([k, n]) => `${words[k] ?? k} ${n}`).join(", ") : "";
  return `${task.id}\n${when}${parts ? `\n${parts}` : `\n${state}`}`;
}

interface RowProps {
  index: number; // the row of the grid
  at: number; // among those that are seen
  task: GridTask;
  letters: string; // of the columns that are seen
  first: number; // the first of these
  runs: readonly GridRun[];
  counts: Record<string, Record<string, Counts>> | null; // of groups and mapped tasks only
  states: Record<string, State>;
  open: boolean | null; // of a group
  focus: number; // column that has the focus; -2: none
  chosen: number; // column that is chosen; -1: none
  words: Record<string, string>; // of states
  whens: readonly string[]; // of runs
  toggle: (id: string) => void;
  short: string; // its name without that of its group
  names: { open: string; close: string; mapped: string; setup: string; teardown: string };
}

const Row = memo(function Row({ index, at, task, letters, first, runs, counts, states, open, focus, chosen, words, whens, toggle, short, names }: RowProps) {
  return (
    <div role="row" aria-rowindex={at + 2} aria-level={task.depth + 1} aria-expanded={open ?? undefined} className={cx(s.row, chosen >= 0 && s.rowOn)} style={{ transform: `translateY(${at * ROW}px)` }}>
      <div role="rowheader" aria-colindex={1} className={cx(s.name, task.group && s.group)} style={{ paddingInlineStart: 4 + task.depth * 14 }} data-r={at} data-c={-1} tabIndex={focus === -1 ? 0 : -1} data-tip={task.operator ? `${task.id}\n${task.operator}` : task.id}>
        {open !== null ? (
          <button type="button" className={s.twist} tabIndex={-1} aria-label={open ? names.close : names.open} onClick={() => toggle(task.id)}>
            {open ? <ChevronDown size={14} aria-hidden /> : <ChevronRight size={14} aria-hidden />}
          </button>
        ) : <span className={s.blank} />}
        <span className={s.text}>{short}</span>
        {task.mapped && <span className={s.kind} title={names.mapped}>[ ]</span>}
        {task.setup && <span className={s.kind}>{names.setup}</span>}
        {task.teardown && <span className={s.kind}>{names.teardown}</span>}
      </div>
      {Array.from(letters, (letter, k) => {
        const c = first + k, run = runs[c]!, state = states[letter] ?? "none";
        const n = counts?.[run.run_id]?.[index];
        const tip = tipOf(task, whens[c]!, words[state] ?? state, n, words);
        return (
          <div
            key={run.run_id} role="gridcell" aria-colindex={c + 2} aria-selected={c === chosen} aria-label={tip.replaceAll("\n", ", ")} data-tip={tip} data-r={at} data-c={c}
            tabIndex={focus === c ? 0 : -1} className={cx(s.cell, c === chosen && s.cellOn)} style={{ insetInlineStart: `calc(var(--name) + ${c * COL}px)` }}
          >
            <Mark state={state} counts={n} />
          </div>
        );
      })}
    </div>
  );
});

export function GridPane({ grid, rows, closed, onToggle, selected, onSelect, onOpen, searching, label }: GridPaneProps) {
  const { t } = useTranslation("grid");
  const tz = useTimezone();
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, left: 0, width: 0, height: 0 });
  const [focus, setFocus] = useState<At>({ r: -1, c: -2 });
  const wantFocus = useRef(false);
  const name = view.width && view.width < 560 ? 140 : 236;
  const runs = grid.runs;
  const width = name + runs.length * COL + 8;
  const height = HEAD + rows.length * ROW;

  const look = useCallback(() => {
    const el = box.current;
    if (!el) return;
    setView((v) => {
      const n = { top: el.scrollTop, left: el.scrollLeft, width: el.clientWidth, height: el.clientHeight };
      return v.top === n.top && v.left === n.left && v.width === n.width && v.height === n.height ? v : n;
    });
  }, []);
  useLayoutEffect(() => {
    const el = box.current!;
    look();
    const o = new ResizeObserver(look);
    o.observe(el);
    return () => o.disconnect();
  }, [look]);
  // The newest runs are at the right: they are what one comes for.
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    const el = box.current!;
    if (atEnd.current) el.scrollLeft = el.scrollWidth;
    look();
  }, [runs.length, name, look]);

  const c0 = Math.max(0, Math.floor(view.left / COL) - 3);
  const c1 = Math.min(runs.length, Math.ceil((view.left + view.width - name) / COL) + 3);
  const r0 = Math.max(0, Math.floor(view.top / ROW) - OVER);
  const r1 = Math.min(rows.length, Math.ceil((view.top + view.height - HEAD) / ROW) + OVER);

  const move = useCallback(
    (to: At) => {
      const r = Math.max(-1, Math.min(to.r, rows.length - 1)), c = Math.max(r < 0 ? 0 : -1, Math.min(to.c, runs.length - 1));
      const el = box.current!;
      if (r >= 0) {
        const y = r * ROW;
        if (y < el.scrollTop) el.scrollTop = y;
        else if (y + ROW > el.scrollTop + el.clientHeight - HEAD) el.scrollTop = y + ROW - el.clientHeight + HEAD;
      }
      if (c >= 0) {
        const x = c * COL;
        if (x < el.scrollLeft) el.scrollLeft = x;
        else if (x + COL > el.scrollLeft + el.clientWidth - name) el.scrollLeft = x + COL - el.clientWidth + name;
      }
      wantFocus.current = true;
      setFocus({ r, c });
      look();
    },
    [rows.length, runs.length, name, look],
  );
  useEffect(() => {
    if (!wantFocus.current) return;
    wantFocus.current = false;
    box.current?.querySelector<HTMLElement>(`[data-r="${focus.r}"][data-c="${focus.c}"]`)?.focus({ preventScroll: true });
  }, [focus, view]);

  // Looked up once, not once a cell.
  const words = useMemo(() => Object.fromEntries([...TASK_STATES, ...RUN_STATES].map((x) => [x, t(`common:state.${x}`)])), [t]);
  const { exact } = tz;
  const whens = useMemo(() => runs.map((r) => exact(r.logical_date ?? r.run_after)), [runs, exact]);
  const names = useMemo(() => ({ open: t("open_group"), close: t("close_group"), mapped: t("mapped"), setup: t("setup"), teardown: t("teardown") }), [t]);
  const longest = useMemo(() => Math.max(1, ...runs.map((r) => seconds(r.start_date, r.end_date) ?? 0)), [runs]);
  const chosenCol = selected.run === null ? -1 : runs.findIndex((r) => r.run_id === selected.run);
  const chosenRow = selected.task === null ? -1 : (grid.row.get(selected.task) ?? -1);

  const toggle = useCallback((id: string) => onToggle(id), [onToggle]);
  const cell = (e: React.SyntheticEvent): At | null => {
    const el = (e.target as HTMLElement).closest<HTMLElement>("[data-r]");
    return el ? { r: Number(el.dataset.r), c: Number(el.dataset.c) } : null;
  };
  const act = (p: At, open: boolean) => {
    const task = p.r >= 0 ? grid.tasks[rows[p.r]!]! : null;
    const run = p.c >= 0 ? runs[p.c]! : null;
    if (run) (open ? onOpen : onSelect)(run.run_id, task?.id ?? null);
    else if (task?.group && !searching) onToggle(task.id);
    else if (task && runs.length) onSelect(runs[runs.length - 1]!.run_id, task.id);
  };
  const onKey = (e: React.KeyboardEvent) => {
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    const p = cell(e) ?? { r: 0, c: runs.length - 1 };
    const page = Math.max(1, Math.floor((view.height - HEAD) / ROW) - 1);
    const task = p.r >= 0 ? grid.tasks[rows[p.r]!] : undefined;
    const to: Record<string, At> = {
      ArrowDown: { r: p.r + 1, c: p.c }, ArrowUp: { r: p.r - 1, c: p.c }, ArrowLeft: { r: p.r, c: p.c - 1 }, ArrowRight: { r: p.r, c: p.c + 1 },
      PageDown: { r: p.r + page, c: p.c }, PageUp: { r: Math.max(0, p.r - page), c: p.c }, Home: { r: p.r, c: 0 }, End: { r: p.r, c: runs.length - 1 },
    };
    if (p.c === -1 && task?.group && !searching && (e.key === "ArrowRight" || e.key === "ArrowLeft") && closed.has(task.id) === (e.key === "ArrowRight")) {
      e.preventDefault();
      return onToggle(task.id);
    }
    if (to[e.key]) {
      e.preventDefault();
      move(to[e.key]!);
    } else if (e.key === "Enter" && e.target === e.currentTarget.querySelector(":focus")) {
      e.preventDefault();
      act(p, p.r >= 0 && p.c >= 0 && chosenCol === p.c && chosenRow === rows[p.r]);
    } else if (e.key === " ") {
      e.preventDefault();
      act(p, false);
    }
  };

  const list: number[] = [];
  if (focus.r >= 0 && focus.r < r0 && focus.r < rows.length) list.push(focus.r);
  for (let i = r0; i < r1; i++) list.push(i);
  if (focus.r >= r1 && focus.r < rows.length) list.push(focus.r);
  // Where nothing had the focus yet, Tab comes to the newest run's first cell.
  const tab: At = focus.c === -2 ? { r: 0, c: runs.length - 1 } : focus;
  const days = useMemo(() => {
    const out: { c: number; text: string }[] = [];
    let last = "";
    runs.forEach((r, c) => {
      const d = tz.day(r.logical_date ?? r.run_after).slice(5);
      if (d !== last && (!out.length || c - out[out.length - 1]!.c >= 3)) out.push({ c, text: d });
      last = d;
    });
    return out;
  }, [runs, tz]);
  const visible = runs.slice(c0, c1);

  return (
    <div
      ref={box} role="treegrid" aria-label={label} aria-rowcount={rows.length + 1} aria-colcount={runs.length + 1} className={s.scroller}
      style={{ "--name": `${name}px`, height: height + 14 } as React.CSSProperties}
      onScroll={(e) => {
        const el = e.currentTarget;
        atEnd.current = el.scrollLeft + el.clientWidth >= el.scrollWidth - COL;
        look();
      }}
      onKeyDown={onKey}
      onClick={(e) => {
        if ((e.target as HTMLElement).closest("button")) return;
        const p = cell(e);
        if (!p) return;
        wantFocus.current = true;
        setFocus(p);
        act(p, false);
      }}
      onDoubleClick={(e) => {
        const p = cell(e);
        if (p && p.c >= 0) act(p, true);
      }}
    >
      <div className={s.canvas} style={{ width, height }}>
        <div role="row" aria-rowindex={1} className={s.head}>
          <div role="columnheader" aria-colindex={1} className={s.corner}>
            <span className={s.top}>{duration(longest)}</span>
            <span className={s.bottom}>0</span>
            <span className="sr-only">{t("task")}</span>
          </div>
          {days.filter((d) => d.c >= c0 && d.c < c1).map((d) => <span key={d.c} aria-hidden className={s.day} style={{ insetInlineStart: name + d.c * COL }}>{d.text}</span>)}
          {visible.map((r, k) => {
            const c = c0 + k, took = seconds(r.start_date, r.end_date);
            const tip = [whens[c]!, `${t(`common:run_type.${r.run_type}`)} · ${words[r.state] ?? r.state}${took === null ? "" : ` · ${duration(took)}`}`, r.note ? t("has_note") : ""].filter(Boolean).join("\n");
            return (
              <div
                key={r.run_id} role="columnheader" aria-colindex={c + 2} data-tip={tip} data-r={-1} data-c={c} tabIndex={tab.r === -1 && tab.c === c ? 0 : -1}
                className={cx(s.run, c === chosenCol && s.chosen)} style={{ insetInlineStart: name + c * COL }}
              >
                <span className={s.bar} style={{ height: Math.max(3, ((took ?? 0) / longest) * BAR), background: stateColor(r.state) }} />
                <StateDot state={r.state} bare className={s.runMark} />
                <span className="sr-only">{`${t("run")}: ${tip.replaceAll("\n", ", ")}`}</span>
              </div>
            );
          })}
        </div>
        <div className={s.body} role="rowgroup" style={{ height: rows.length * ROW }}>
          {list.map((at) => {
            const index = rows[at]!, task = grid.tasks[index]!;
            let letters = "";
            for (let c = c0; c < c1; c++) letters += grid.cells[c]![index];
            return (
              <Row
                key={task.id} index={index} at={at} task={task} letters={letters} first={c0} runs={runs} counts={task.group || task.mapped ? grid.counts : null} states={grid.states}
                open={task.group ? searching || !closed.has(task.id) : null} focus={tab.r === at ? tab.c : -2} chosen={index === chosenRow ? chosenCol : -1}
                words={words} whens={whens} toggle={toggle} short={shortLabel(grid, task)} names={names}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}
