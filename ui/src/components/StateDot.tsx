import { useTranslation } from "react-i18next";
import { stateColor, stateOf } from "@/api/states";
import type { State } from "@/api/states";
import { cx } from "@/lib/cx";
import s from "./State.module.css";

/*
 * A state without colour: each has a shape. Filled: it has ended; ring: it waits; turning arc: it runs. 12 units square.
 */
const shapes: Record<State, React.ReactNode> = {
  success: <><circle cx="6" cy="6" r="5.2" fill="currentColor" /><path d="M3.6 6.2 5.3 7.9 8.5 4.5" fill="none" stroke="var(--surface)" strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round" /></>,
  failed: <><circle cx="6" cy="6" r="5.2" fill="currentColor" /><path d="m4.2 4.2 3.6 3.600m0-3.6-3.6 3.6" stroke="var(--surface)" strokeWidth="1.4" strokeLinecap="round" /></>,
  running: <><circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" strokeWidth="1.6" opacity="0.35" /><path className={s.turn} d="M6 1.500a4.5 4.5 0 0 1 4.5 4.5" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" /></>,
  queued: <><circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" strokeWidth="1.6" /><circle cx="6" cy="6" r="1.6" fill="currentColor" /></>,
  scheduled: <><circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" strokeWidth="1.6" /><path d="M6 3.700V6l1.6 1.2" fill="none" stroke="currentColor" strokeWidth="1.3" strokeLinecap="round" /></>,
  up_for_retry: <><path d="M9.7 4A4.4 4.4 0 1 0 10.4 6.5" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" /><path d="M10.4 1.500v3h-3z" fill="currentColor" /></>,
  up_for_reschedule: <><circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" strokeWidth="1.6" strokeDasharray="2.6 2.1" /><path d="M6 3.700V6l1.6 1.2" fill="none" stroke="currentColor" strokeWidth="1.3" strokeLinecap="round" /></>,
  upstream_failed: <><path d="M6 .9 11.2 10.600H.8z" fill="currentColor" /><path d="M6 4.400v2.800M6 8.900v.1" stroke="var(--surface)" strokeWidth="1.3" strokeLinecap="round" /></>,
  skipped: <><rect x="1" y="1" width="10" height="10" rx="2.5" fill="currentColor" /><path d="m3.8 3.7 2.4 2.3-2.4 2.300M8.2 3.700v4.6" fill="none" stroke="var(--surface)" strokeWidth="1.2" strokeLinecap="round" strokeLinejoin="round" /></>,
  deferred: <><circle cx="6" cy="6" r="5.2" fill="currentColor" /><path d="M4.7 4v4M7.3 4v4" stroke="var(--surface)" strokeWidth="1.4" strokeLinecap="round" /></>,
  restarting: <><path d="M2.3 8A4.4 4.4 0 1 0 1.6 5.5" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" /><circle cx="6" cy="6" r="1.5" fill="currentColor" /></>,
  removed: <><circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" strokeWidth="1.6" /><path d="m2.9 9.1 6.2-6.2" stroke="currentColor" strokeWidth="1.4" /></>,
  planned: <circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" strokeWidth="1.3" strokeDasharray="1.8 1.730" />,
  none: <circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" strokeWidth="1.3" />,
};

/** A state as a mark. Its word is its name for those who do not see it, unless it stands beside it (`bare`). */
export function StateDot({ state, size = 12, bare, className }: { state: string | null | undefined; size?: number; bare?: boolean; className?: string }) {
  const { t } = useTranslation();
  const st = stateOf(state);
  return (
    <svg
      viewBox="0 0 12 12" width={size} height={size} className={cx(s.dot, className)} style={{ color: stateColor(st) }}
      role={bare ? undefined : "img"} aria-label={bare ? undefined : t(`state.${st}`)} aria-hidden={bare || undefined}
    >
      {shapes[st]}
    </svg>
  );
}
