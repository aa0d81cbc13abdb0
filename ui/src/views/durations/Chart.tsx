/* Bars of runs by uPlot. Its canvas takes colours as they are now: another theme makes another chart. */
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { useTheme } from "@/app/theme";
import { duration } from "@/lib/time";

export interface ChartProps {
  labels: string[]; // of the x axis, one a run
  bars: { color: string; values: (number | null)[] }[]; // colours are names of tokens: "--s-success"
  line?: { color: string; values: (number | null)[] };
  height?: number;
  onHover: (index: number | null) => void;
  onPick: (index: number) => void;
}

export default function Chart({ labels, bars, line, height = 300, onHover, onPick }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const { shown } = useTheme();
  const call = useRef({ onHover, onPick });
  useEffect(() => {
    call.current = { onHover, onPick };
  });
  useEffect(() => {
    const el = box.current!;
    const css = getComputedStyle(el);
    const color = (name: string) => css.getPropertyValue(name).trim();
    const text = color("--text-3"), grid = color("--border");
    const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 4 }, font: `11px ${css.fontFamily}` };
    const xs = labels.map((_, i) => i);
    const paths = uPlot.paths.bars!({ size: [0.7, 34], radius: 0.15, gap: 1 });
    const options: uPlot.Options = {
      width: Math.max(200, el.clientWidth), height, legend: { show: false }, cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: { x: { time: false, range: [-0.6, Math.max(0.6, labels.length - 0.4)] }, y: { range: (_u, _min, max) => [0, Math.max(max * 1.08, 0.001)] } },
      axes: [
        { ...axis, size: 34, space: 70, grid: { show: false }, splits: (u) => {
          const every = Math.max(1, Math.ceil(labels.length / Math.max(1, Math.floor(u.width / 90))));
          return xs.filter((i) => i % every === 0);
        }, values: (_u, at) => at.map((i) => labels[i] ?? "") },
        { ...axis, size: 62, values: (_u, at) => at.map((v) => (v === 0 ? "0" : duration(v))) },
      ],
      series: [
        {},
        ...bars.map((b) => ({ fill: color(b.color), stroke: color(b.color), width: 0, paths, points: { show: false } })),
        ...(line ? [{ stroke: color(line.color), width: 2, points: { show: false }, spanGaps: true }] : []),
      ],
      hooks: { setCursor: [(u) => call.current.onHover(u.cursor.idx ?? null)] },
    };
    const plot = new uPlot(options, [xs, ...bars.map((b) => b.values), ...(line ? [line.values] : [])] as uPlot.AlignedData, el);
    const pick = () => plot.cursor.idx != null && call.current.onPick(plot.cursor.idx);
    plot.over.addEventListener("click", pick);
    plot.over.style.cursor = "pointer";
    const o = new ResizeObserver(() => el.clientWidth > 0 && plot.setSize({ width: el.clientWidth, height }));
    o.observe(el);
    return () => {
      o.disconnect();
      plot.destroy();
    };
  }, [labels, bars, line, height, shown]);
  return <div ref={box} style={{ minHeight: height }} />;
}
