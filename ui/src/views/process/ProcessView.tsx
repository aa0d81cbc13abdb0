import { useMemo } from "react";
import type { ReactNode } from "react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Download, Waypoints } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router-dom";
import { api, path } from "@/api/client";
import { keys } from "@/api/keys";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Filters } from "@/components/Filters";
import { Select } from "@/components/Form";
import { Menu } from "@/components/Menu";
import { Button } from "@/components/Button";
import { Panel, Skeleton } from "@/components/Page";
import { PlacedGraph } from "@/components/PlacedGraph";
import type { PlacedNode } from "@/components/PlacedGraph";
import { Segmented } from "@/components/Tabs";
import { TimeText } from "@/components/TimeText";
import { cx } from "@/lib/cx";
import { duration } from "@/lib/time";
import { useDagId } from "@/views/dag/DagFrame";
import { drifted } from "./types";
import type { Drift, Process } from "./types";
import s from "./process.module.css";

const SPANS: Record<string, number> = { week: 7, month: 30, quarter: 90, year: 365 };
const ALGORITHMS = ["inductive", "heuristic", "dfg"] as const;
type Algorithm = (typeof ALGORITHMS)[number];

export default function ProcessView() {
  const { t } = useTranslation("process");
  const dag = useDagId();
  const [params, setParams] = useSearchParams();
  const algorithm = (ALGORITHMS.find((a) => a === params.get("algorithm")) ?? "inductive") as Algorithm;
  const span = params.get("span") ?? "";
  const set = (name: string, value: string) => setParams((p) => {
    if (value) p.set(name, value);
    else p.delete(name);
    return p;
  }, { replace: true });
  // From the day's beginning: the same question all day long.
  const from = SPANS[span] ? new Date(Math.floor(Date.now() / 86_400_000 - SPANS[span]!) * 86_400_000).toISOString() : undefined;
  const q = useQuery({
    queryKey: keys.dagPart(dag, "process", algorithm, from),
    queryFn: ({ signal }) => api.get<Process>(path`/ui/dags/${dag}/process`, { query: { algorithm, from }, signal }),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
  const save = (format: string) => () => {
    const a = document.createElement("a");
    a.href = path`/ui/dags/${dag}/event-log` + `?format=${format}${from ? `&from=${encodeURIComponent(from)}` : ""}`;
    a.download = `${dag}.${format}`;
    a.click();
  };
  return (
    <>
      <Filters count={q.data && t("runs", { count: q.data.traces })}>
        <Segmented label={t("algorithm")} value={algorithm} onChange={(v) => set("algorithm", v === "inductive" ? "" : v)} options={ALGORITHMS.map((a) => ({ value: a, label: t(`algo.${a}`) }))} />
        <Select aria-label={t("span")} value={span} onChange={(e) => set("span", e.target.value)}>
          <option value="">{t("all")}</option>
          {Object.keys(SPANS).map((k) => <option key={k} value={k}>{t(`spans.${k}`)}</option>)}
        </Select>
        <Menu label={t("export")} items={[{ label: "XES", onSelect: save("xes") }, { label: "CSV", onSelect: save("csv") }]}>{(p) => <Button {...p} icon={Download}>{t("export")}</Button>}</Menu>
      </Filters>
      {q.error ? <ErrorState error={q.error} retry={q.refetch} /> : !q.data ? <Panel><Skeleton rows={8} /></Panel>
        : !q.data.traces ? <EmptyState icon={Waypoints} title={t("none")}>{t("none_hint")}</EmptyState>
        : <Found process={q.data} dag={dag} dim={q.isPlaceholderData} />}
    </>
  );
}

function Found({ process: p, dag, dim }: { process: Process; dag: string; dim: boolean }) {
  const { t } = useTranslation("process");
  return (
    <div className={cx(s.found, dim && s.dim)}>
      <Measures process={p} />
      <Panel title={t("model")} actions={<span className="muted">{t("model_hint")}</span>} flush><Model process={p} /></Panel>
      <div className={s.two}>
        <Panel title={t("bottlenecks")} flush><Bottlenecks process={p} /></Panel>
        <Panel title={t("beside")} flush><BesideDag process={p} /></Panel>
      </div>
      <Panel title={t("variants", { count: p.variants_total ?? p.variants.length })} flush><Variants process={p} dag={dag} /></Panel>
      <Panel title={t("drift")} flush>{p.drift.some(drifted) ? <ul className={s.drifts}>{p.drift.filter(drifted).map((d, i) => <DriftRow key={i} drift={d} />)}</ul> : <p className={s.pad}>{t(p.drift.length ? "no_drift" : "one_version")}</p>}</Panel>
    </div>
  );
}

const MEASURES = ["fitness", "precision", "generalization", "simplicity"] as const;

function Measures({ process: p }: { process: Process }) {
  const { t } = useTranslation("process");
  return (
    <dl className={s.measures}>
      <div><dt>{t("median")}</dt><dd className="num">{p.median_s === null || p.median_s === undefined ? "–" : duration(p.median_s)}</dd><dd className={s.hint}>{t("median_hint")}</dd></div>
      {MEASURES.map((m) => (
        <div key={m}>
          <dt>{t(`measure.${m}`)}</dt>
          <dd className="num">{p[m] === null ? "–" : p[m]!.toFixed(2)}</dd>
          <dd className={s.hint}>{t(`measure.${m}_hint`)}<span className={s.meter} aria-hidden><span style={{ width: `${100 * (p[m] ?? 0)}%` }} /></span></dd>
        </div>
      ))}
    </dl>
  );
}

function Model({ process: p }: { process: Process }) {
  const { t } = useTranslation("process");
  const most = Math.max(1, ...p.model.edges.map((e) => e.frequency));
  const slowest = Math.max(0, ...p.bottlenecks.map((b) => b.path_share ?? 0));
  const nodes = useMemo<PlacedNode[]>(() => {
    const share = new Map(p.bottlenecks.map((b) => [b.activity, b.path_share ?? 0]));
    return p.model.nodes.map((n): PlacedNode => {
      if (n.kind !== "activity") return { ...n, label: t(`node.${n.kind}`), className: cx(s.gate, s[n.kind]), content: <span aria-hidden>{n.kind === "choice" ? "×" : n.kind === "parallel" ? "+" : ""}</span> };
      const hot = slowest > 0 && (share.get(n.label) ?? 0) > slowest / 2;
      return {
        ...n, label: `${n.label}, ${t("times", { count: n.frequency })}`, className: cx(s.activity, hot && s.hot),
        content: <><span className="truncate">{n.label}</span><span className={cx(s.facts, "num")}>{n.frequency}× · {n.median_s === null ? "–" : duration(n.median_s)}</span></>,
      };
    });
  }, [p, t, slowest]);
  const edges = useMemo(() => p.model.edges.map((e) => ({
    from: e.from, to: e.to, points: e.points, weight: e.frequency / most, dim: e.frequency === 0,
    label: <span className="num">{e.frequency}{e.median_wait_s !== null && e.median_wait_s >= 0.001 ? ` · ${duration(e.median_wait_s)}` : ""}</span>,
  })), [p, most]);
  const height = Math.min(620, Math.max(220, (p.model.height ?? 400) + 60));
  return <div className={s.model}><PlacedGraph label={t("model")} nodes={nodes} edges={edges} height={`${height}px`} /></div>;
}

function Bar({ share, className }: { share: number; className?: string }) {
  return <span className={s.bar} aria-hidden><span className={className} style={{ width: `${Math.min(100, 100 * share)}%` }} /></span>;
}

function Bottlenecks({ process: p }: { process: Process }) {
  const { t } = useTranslation("process");
  if (!p.bottlenecks.length) return <p className={s.pad}>{t("no_bottlenecks")}</p>;
  return (
    <table className="plain">
      <thead><tr><th scope="col">{t("task")}</th><th scope="col">{t("path_share")}</th><th scope="col" className="end">{t("waits")}</th><th scope="col" className="end">{t("works")}</th></tr></thead>
      <tbody>{p.bottlenecks.map((b) => (
        <tr key={b.activity}>
          <td className="mono">{b.activity}</td>
          <td><span className={s.share}><Bar share={b.path_share ?? 0} /><span className="num">{Math.round(100 * (b.path_share ?? 0))} %</span></span></td>
          <td className="end num">{b.median_wait_s === null || b.median_wait_s === undefined ? "–" : duration(b.median_wait_s)}</td>
          <td className="end num">{b.median_s === null || b.median_s === undefined ? "–" : duration(b.median_s)}</td>
        </tr>
      ))}</tbody>
    </table>
  );
}

/* Steps that happened beside what the DAG says: they follow each other in time, not by an edge. */
function BesideDag({ process: p }: { process: Process }) {
  const { t } = useTranslation("process");
  const follows = [...(p.follows ?? [])].sort((a, b) => b.frequency - a.frequency).slice(0, 12);
  if (!follows.length) return <p className={s.pad}>{t("no_follows")}</p>;
  const most = follows[0]!.frequency;
  return (
    <table className="plain">
      <thead><tr><th scope="col">{t("step")}</th><th scope="col">{t("often")}</th><th scope="col">{t("in_dag")}</th></tr></thead>
      <tbody>{follows.map((f) => (
        <tr key={`${f.from}>${f.to}`}>
          <td className="mono">{f.from} → {f.to}</td><td><span className={s.share}><Bar share={f.frequency / most} /><span className="num">{f.frequency}</span></span></td>
          <td className={f.in_dag ? "muted" : undefined}>{f.in_dag === null ? "–" : t(f.in_dag ? "edge" : "order_only")}</td>
        </tr>
      ))}</tbody>
    </table>
  );
}

function Variants({ process: p, dag }: { process: Process; dag: string }) {
  const { t } = useTranslation("process");
  return (
    <ol className={s.variants}>
      {p.variants.map((v, i) => (
        <li key={i}>
          <span className={s.share}><Bar share={v.n / Math.max(1, p.traces)} /><span className="num">{Math.round((100 * v.n) / Math.max(1, p.traces))} %</span></span>
          <span className="num muted">{t("runs", { count: v.n })} · {v.median_s === null ? "–" : duration(v.median_s)}</span>
          <span className={s.path}>{v.activities.map((a, j) => <span key={j} className="mono">{a}</span>)}</span>
          {v.example && <Link to={path`/dags/${dag}/runs/${v.example}`}>{t("example")}</Link>}
        </li>
      ))}
    </ol>
  );
}

function DriftRow({ drift: d }: { drift: Drift }) {
  const { t } = useTranslation("process");
  const facts: ReactNode[] = [
    ...(d.added ?? []).map((a) => <>{t("added")} <code>{a}</code></>),
    ...(d.removed ?? []).map((a) => <>{t("removed")} <code>{a}</code></>),
    ...(d.times ?? []).map((x) => <><code>{x.activity}</code> <span className="num">{duration(x.before_s)} → {duration(x.after_s)}</span> <span className={x.after_s > x.before_s ? s.worse : s.better}>{t(x.after_s > x.before_s ? "slower" : "faster", { x: (x.after_s > x.before_s ? x.after_s / Math.max(x.before_s, 1e-6) : x.before_s / Math.max(x.after_s, 1e-6)).toFixed(1) })}</span></>),
    ...(d.flow_changed ? (d.flows ?? []).slice(0, 5).map((f) => <><code>{f.from} → {f.to}</code> <span className="num">{Math.round(100 * f.before)} % → {Math.round(100 * f.after)} %</span></>) : []),
  ];
  return (
    <li>
      <p><strong>{t("version", { version: d.version })}</strong> <span className="muted">{d.before ? t("against", { version: d.before }) : ""} · {t("runs", { count: d.cases ?? 0 })}{d.since && <> · <TimeText time={d.since} /></>}</span></p>
      <ul>{facts.map((f, i) => <li key={i}>{f}</li>)}</ul>
    </li>
  );
}
