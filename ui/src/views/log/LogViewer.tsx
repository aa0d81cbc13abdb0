/*
 * A log, live. Only the rows that are seen are in the page. A scroll bar ends at some millions of pixels in browsers: longer logs are mapped
 * onto MAX_PX, and rows are placed where the bar stands.
 */
import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "react";
import { ArrowDownToLine, ChevronDown, ChevronRight, ChevronUp, Download, FileText, WrapText } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useLocation, useNavigate } from "react-router-dom";
import { ApiError } from "@/api/client";
import { useEvents } from "@/api/events";
import { Button, IconButton } from "@/components/Button";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Select } from "@/components/Form";
import { SearchField } from "@/components/SearchField";
import { Spinner } from "@/components/Spinner";
import { toast } from "@/components/Toast";
import { cx } from "@/lib/cx";
import { useHotkeys } from "@/lib/hotkeys";
import { read, write } from "@/lib/storage";
import { parseAnsi } from "./ansi";
import type { Piece } from "./ansi";
import { floorIndex, INHERITED, LEVELS, LogModel } from "./model";
import type { Group } from "./model";
import { HITS_MAX, keepFinding, matcher } from "./search";
import { downloadLog, readLog } from "./stream";
import type { Source } from "./stream";
import s from "./Log.module.css";

const LH = 18, MAX_PX = 8_000_000, OVER = 15, CHAR = 7.22;
const POLL_MS = 1500, PAINT_MS = 120;

type Phase = "loading" | "live" | "ended" | "error";

/* Fills a model from the server and tells when there is more to show. */
function useLog(source: Source, live: boolean) {
  const model = useRef(new LogModel());
  const [version, bump] = useReducer((n: number) => n + 1, 0);
  const [phase, setPhase] = useState<Phase>("loading");
  const [error, setError] = useState<unknown>(null);
  const [again, retry] = useReducer((n: number) => n + 1, 0);
  const nudge = useRef<() => void>(() => {});
  const isLive = useRef(live);
  useEffect(() => {
    const ended = isLive.current && !live;
    isLive.current = live;
    if (ended) nudge.current();
  }, [live]);
  const { dag, run, task, index, attempt } = source;
  useEffect(() => {
    const stop = new AbortController();
    const log = new LogModel();
    model.current = log;
    setPhase("loading");
    setError(null);
    bump();
    let painted = 0;
    const paint = () => {
      const now = performance.now();
      if (now - painted < PAINT_MS) return;
      painted = now;
      bump();
    };
    const work = async () => {
      let token: string | null = null;
      for (;;) {
        const wasLive = isLive.current;
        token = await readLog({ dag, run, task, index, attempt }, token, stop.signal, (l) => {
          for (const part of l.event.split("\n")) log.push(part, l.level);
        }, paint);
        if (stop.signal.aborted) return;
        bump();
        if (!wasLive || token === null) break;
        setPhase("live");
        await new Promise<void>((done) => {
          nudge.current = done;
          setTimeout(done, POLL_MS);
        });
        if (stop.signal.aborted) return;
      }
      setPhase("ended");
    };
    work().catch((e: unknown) => {
      if (stop.signal.aborted) return;
      setError(e);
      setPhase("error");
    });
    return () => stop.abort();
  }, [dag, run, task, index, attempt, again]);
  return { log: model.current, version, phase, error, retry, nudge };
}

function Text({ pieces, re, here }: { pieces: Piece[]; re: RegExp | null; here: boolean }) {
  return pieces.map((p, i) => {
    const rgbF = p.fg?.startsWith("rgb"), rgbB = p.bg?.startsWith("rgb");
    const cls = cx(p.fg && !rgbF && s[p.fg], p.bg && !rgbB && s[`bg-${p.bg}`], p.bold && s.bold, p.dim && s.dim, p.italic && s.italic, p.underline && s.underline);
    const style = rgbF || rgbB ? { color: rgbF ? `color-mix(in srgb, ${p.fg} 65%, var(--text))` : undefined, background: rgbB ? `color-mix(in srgb, ${p.bg} 35%, var(--surface))` : undefined } : undefined;
    const text = re ? split(p.text, re).map((part, k) => (part.hit ? <mark key={k} className={cx(s.hit, here && s.here)}>{part.text}</mark> : part.text)) : p.text;
    return cls || style ? <span key={i} className={cls || undefined} style={style}>{text}</span> : <span key={i}>{text}</span>;
  });
}

function split(text: string, re: RegExp): { text: string; hit: boolean }[] {
  const out: { text: string; hit: boolean }[] = [];
  let at = 0;
  re.lastIndex = 0;
  for (const m of text.matchAll(re)) {
    if (!m[0]) break;
    if (m.index > at) out.push({ text: text.slice(at, m.index), hit: false });
    out.push({ text: m[0], hit: true });
    at = m.index + m[0].length;
  }
  if (at < text.length || !out.length) out.push({ text: text.slice(at), hit: false });
  return out;
}

const Line = memo(function Line({ n, text, level, marked, re, here, group, open, rows, onFold, foldLabel }: {
  n: number; text: string; level: number; marked: boolean; re: RegExp | null; here: boolean; group: string | null; open: boolean; rows: number; onFold: (n: number) => void; foldLabel: string;
}) {
  return (
    <div className={cx(s.line, s[`l${level & 7}`], (level & INHERITED) !== 0 && s.inherited, marked && s.marked)} style={rows > 1 ? { height: rows * LH } : undefined} data-line={n + 1}>
      <a href={`#L${n + 1}`} className={s.number} tabIndex={-1} aria-label={`${n + 1}`}>{n + 1}</a>
      <span className={s.text}>
        {group !== null ? (
          <button type="button" className={s.fold} aria-expanded={open} onClick={() => onFold(n)}>
            {open ? <ChevronDown size={13} aria-hidden /> : <ChevronRight size={13} aria-hidden />}{group || foldLabel}
          </button>
        ) : <Text pieces={parseAnsi(text)} re={re} here={here} />}
      </span>
    </div>
  );
});

export function LogViewer({ source, live, name }: { source: Source; live: boolean; name: string }) {
  const { t } = useTranslation("log");
  const navigate = useNavigate();
  const location = useLocation();
  const { log, version, phase, error, retry, nudge } = useLog(source, live);
  const box = useRef<HTMLDivElement>(null);
  const [wrap, setWrap] = useState(read("log.wrap") === "1");
  const [least, setLeast] = useState(0);
  const [follow, setFollow] = useState(live);
  const [view, setView] = useState({ top: 0, height: 0, width: 0 });
  const [words, setWords] = useState("");
  const [hits, setHits] = useState<number[]>([]);
  const [hit, setHit] = useState(-1);
  const [searching, setSearching] = useState(false);
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  const [busy, setBusy] = useState(false);
  const marked = Number(/^#L(\d+)$/.exec(location.hash)?.[1] ?? 0) - 1;
  useEvents(useMemo(() => [`run:${source.dag}/${source.run}`], [source.dag, source.run]));

  const digits = Math.max(3, String(log.length).length);
  const gutter = digits * CHAR + 24;
  const columns = wrap && view.width ? Math.max(20, Math.floor((view.width - gutter - 20) / CHAR)) : 0;
  const isOpen = useCallback((g: Group) => opened.has(g.start), [opened]);
  const layout = useMemo(() => {
    void version;
    return log.layout(least, isOpen, columns);
  }, [log, version, least, isOpen, columns]);
  const { shown, top, rows } = layout;
  const total = rows * LH;
  const px = Math.min(total, MAX_PX);
  const scale = total > px && px > view.height ? (total - view.height) / (px - view.height) : 1;
  const y = view.top * scale; // of the whole
  const atRow = Math.max(0, Math.floor(y / LH) - OVER);
  const first = top ? floorIndex(top, atRow, shown.length) : Math.min(atRow, Math.max(0, shown.length - 1));
  const endRow = Math.ceil((y + view.height) / LH) + OVER;
  let last = first;
  while (last < shown.length && (top ? top[last]! : last) < endRow) last++;
  const firstY = (top ? (top[first] ?? 0) : first) * LH;

  const look = useCallback(() => {
    const el = box.current;
    if (el) setView((v) => (v.top === el.scrollTop && v.height === el.clientHeight && v.width === el.clientWidth ? v : { top: el.scrollTop, height: el.clientHeight, width: el.clientWidth }));
  }, []);
  const ready = shown.length > 0;
  useLayoutEffect(() => {
    const el = box.current;
    if (!el) return;
    look();
    const o = new ResizeObserver(look);
    o.observe(el);
    return () => o.disconnect();
  }, [look, ready]);

  // Followed: the end stays in sight until one scrolls away from it.
  useLayoutEffect(() => {
    const el = box.current;
    if (el && follow) {
      el.scrollTop = el.scrollHeight;
      look();
    }
  }, [follow, px, version, look]);

  const goTo = useCallback(
    (n: number) => {
      const el = box.current;
      if (!el) return;
      const around = log.groupsAround(n);
      if (around.some((g) => !opened.has(g.start))) setOpened((o) => new Set([...o, ...around.map((g) => g.start)]));
      requestAnimationFrame(() => requestAnimationFrame(() => {
        const l = log.layout(least, (g) => opened.has(g.start) || around.includes(g), columns);
        const i = floorIndex(l.shown, n);
        const row = l.top ? l.top[i]! : i, all = l.rows * LH, bar = Math.min(all, MAX_PX);
        const k = all > bar && bar > el.clientHeight ? (all - el.clientHeight) / (bar - el.clientHeight) : 1;
        el.scrollTop = Math.max(0, (row * LH - el.clientHeight / 3) / k);
        look();
      }));
    },
    [log, opened, least, columns, look],
  );

  // A line of the address is gone to once, as soon as it is there.
  const went = useRef("");
  useEffect(() => {
    if (marked < 0 || marked >= log.length || went.current === location.hash) return;
    went.current = location.hash;
    setFollow(false);
    goTo(marked);
  }, [marked, log, log.length, location.hash, goTo]);

  useEffect(() => {
    const stop = new AbortController();
    setHit(-1);
    setHits([]);
    if (!words) return;
    setSearching(true);
    void keepFinding(log, words, stop.signal, (found) => {
      setHits(found);
      setSearching(false);
    });
    return () => stop.abort();
  }, [words, log]);
  const step = useCallback(
    (by: number) => {
      if (!hits.length) return;
      setFollow(false);
      const to = hit < 0 ? (by > 0 ? 0 : hits.length - 1) : (hit + by + hits.length) % hits.length;
      setHit(to);
      goTo(hits[to]!);
    },
    [hits, hit, goTo],
  );
  const firstHit = useRef("");
  useEffect(() => {
    if (hits.length && firstHit.current !== words) {
      firstHit.current = words;
      setFollow(false);
      setHit(0);
      goTo(hits[0]!);
    }
    if (!words) firstHit.current = "";
  }, [hits, words, goTo]);

  const end = useCallback(() => {
    setFollow(true);
    nudge.current();
  }, [nudge]);
  useHotkeys({
    n: () => step(1),
    "shift+n": () => step(-1),
    w: () => toggleWrap(),
    "shift+g": end,
    "g g": () => {
      setFollow(false);
      if (box.current) box.current.scrollTop = 0;
    },
  });
  const toggleWrap = () => setWrap((v) => {
    write("log.wrap", v ? null : "1");
    return !v;
  });
  const fold = useCallback((n: number) => setOpened((o) => {
    const next = new Set(o);
    if (!next.delete(n)) next.add(n);
    return next;
  }), []);
  const save = async () => {
    setBusy(true);
    try {
      await downloadLog(source, name);
    } catch (e) {
      toast.error(e, t("download_failed"));
    } finally {
      setBusy(false);
    }
  };

  const re = useMemo(() => matcher(words), [words]);
  if (error instanceof ApiError && error.status === 404) return <EmptyState icon={FileText} title={t("no_log")}>{error.message}</EmptyState>;
  if (error && !log.length) return <ErrorState error={error} retry={retry} />;
  const here = hit >= 0 ? hits[hit] : undefined;
  const list: number[] = [];
  for (let i = first; i < last; i++) list.push(i);
  return (
    <section className={s.viewer} aria-label={t("log")}>
      <div className={s.tools}>
        <SearchField value={words} onChange={setWords} label={t("search")} />
        {words && (
          <>
            <span className={cx(s.found, "num")} role="status">{searching ? t("searching") : hits.length ? `${hit + 1} / ${hits.length}${hits.length >= HITS_MAX ? "+" : ""}` : t("none")}</span>
            <IconButton icon={ChevronUp} small label={t("previous")} hotkey="N" onClick={() => step(-1)} />
            <IconButton icon={ChevronDown} small label={t("next")} hotkey="n" onClick={() => step(1)} />
          </>
        )}
        <Select aria-label={t("level")} value={least} onChange={(e) => setLeast(Number(e.target.value))}>
          <option value={0}>{t("all_levels")}</option>
          {LEVELS.slice(1).map((l, i) => <option key={l} value={i + 1}>{t("and_above", { level: l.toUpperCase() })}</option>)}
        </Select>
        <span className={s.spring} />
        <Button kind="ghost" icon={WrapText} className={s.toggle} aria-pressed={wrap} onClick={toggleWrap}>{t("wrap")}</Button>
        {live && <Button kind="ghost" icon={ArrowDownToLine} className={s.toggle} aria-pressed={follow} onClick={() => (follow ? setFollow(false) : end())}>{t("follow")}</Button>}
        <IconButton icon={Download} label={t("download")} aria-busy={busy || undefined} disabled={busy} onClick={() => void save()} />
      </div>
      {log.first > 0 && <p className={s.notes}>{t("let_go", { count: log.first, n: log.first.toLocaleString() })}</p>}
      {!ready && phase !== "loading" ? <EmptyState icon={FileText} title={least > 0 && log.length ? t("none_of_level") : phase === "live" ? t("nothing_yet") : t("empty")} /> : (
        <div
          ref={box} className={cx(s.box, wrap && s.wrapped)} tabIndex={0} role="log" aria-label={name} aria-live="off" style={{ "--gutter": `${gutter}px` } as React.CSSProperties}
          onScroll={(e) => {
            const el = e.currentTarget;
            if (follow && el.scrollTop + el.clientHeight < el.scrollHeight - 3 * LH) setFollow(false);
            look();
          }}
          onClick={(e) => {
            const a = (e.target as HTMLElement).closest<HTMLAnchorElement>("a[href^='#L']");
            if (!a || e.metaKey || e.ctrlKey) return;
            e.preventDefault();
            went.current = a.hash;
            navigate({ search: location.search, hash: a.hash }, { replace: true });
          }}
        >
          <div className={s.space} style={{ height: px, minWidth: wrap ? undefined : "100%" }}>
            <div className={s.lines} style={{ transform: `translateY(${firstY - y + view.top}px)` }}>
              {list.map((i) => {
                const n = shown[i]!, g = log.groupAt(n);
                return (
                  <Line
                    key={n} n={n} text={log.line(n)} level={log.level(n)} marked={n === marked} re={re} here={n === here} group={g ? g.title : null} open={g ? opened.has(n) : false}
                    rows={top ? top[i + 1]! - top[i]! : 1} onFold={fold} foldLabel={t("group")}
                  />
                );
              })}
            </div>
          </div>
        </div>
      )}
      <div className={s.end}>
        {phase === "loading" && <><Spinner /> {t("loading", { n: log.length.toLocaleString() })}</>}
        {phase === "live" && <><Spinner /> {t("live", { n: log.length.toLocaleString() })}</>}
        {phase === "ended" && t("lines", { count: log.length, n: log.length.toLocaleString() })}
        {phase === "error" && error !== null && <ErrorState error={error} retry={retry} inline />}
      </div>
    </section>
  );
}
