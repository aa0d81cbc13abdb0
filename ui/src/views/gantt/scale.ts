/* A time axis: round steps, so that there are about as many ticks as there is room for. */
const STEPS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000,
];

/** Seconds from the start at which a tick stands. */
export function ticks(span: number, width: number, room = 90): number[] {
  const want = Math.max(1, Math.floor(width / room));
  const step = STEPS.find((x) => span / x <= want) ?? STEPS[STEPS.length - 1]!;
  const out: number[] = [];
  for (let i = 0; i * step <= span + step * 1e-9; i++) out.push(i * step);
  return out;
}
