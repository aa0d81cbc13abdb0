import { useNow } from "@/lib/now";
import { useTimezone } from "@/app/timezone";
import { duration, seconds } from "@/lib/time";

interface Props {
  time: string | null | undefined;
  mode?: "relative" | "exact" | "short"; // exact: to the second; short: as much as is needed near today
  empty?: string;
  focusable?: boolean; // the tip is reached by Tab too; not in long tables
}

/** A moment: one way on the page, the other in its tip (with the zone). */
export function TimeText({ time, mode = "relative", empty = "–", focusable }: Props) {
  const tz = useTimezone();
  const now = useNow(mode === "relative" ? 5000 : 0);
  if (!time) return <span className="muted">{empty}</span>;
  const exact = `${tz.exact(time)} ${tz.zone === "UTC" ? "UTC" : tz.offset(time)}`;
  // The clock here goes in steps: what happened within one is now, not in the future.
  const present = now || Date.now(), at = new Date(time).getTime();
  const relative = tz.relative(time, at > present && at < present + 5000 ? at : present);
  const shown = mode === "relative" ? relative : mode === "exact" ? tz.exact(time) : tz.short(time);
  return (
    <time dateTime={time} className="num" data-tip={mode === "relative" ? exact : `${relative} · ${exact}`} tabIndex={focusable ? 0 : undefined}>
      {shown}
    </time>
  );
}

/** How long it took, or takes: without an end it counts on. */
export function Duration({ start, end, seconds: given, live }: { start?: string | null; end?: string | null; seconds?: number | null; live?: boolean }) {
  const now = useNow(live && !end ? 1000 : 0);
  const s = given ?? (end || live ? seconds(start, end, now || Date.now()) : null);
  return <span className="num">{s === null ? "–" : duration(s)}</span>;
}
