/* Fields for a date and time (2026-11-27T14:03) in a zone that the browser need not be in. */
function partsIn(ms: number, zone: string): number {
  const p = Object.fromEntries(
    new Intl.DateTimeFormat("en-US", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    }).formatToParts(ms).map((x) => [x.type, Number(x.value)]),
  );
  return Date.UTC(p.year!, p.month! - 1, p.day!, p.hour!, p.minute!, p.second!);
}

/** The moment that clocks in the zone show as `local`; "" where there is none. A time that is skipped is the one after the gap. */
export function fromLocal(local: string, zone: string): string {
  const wall = new Date(`${local.length === 10 ? `${local}T00:00` : local}Z`).getTime();
  if (!local || Number.isNaN(wall)) return "";
  let ms = wall;
  // The offset depends on the moment: the second look has the right one.
  for (let i = 0; i < 2; i++) ms = wall - (partsIn(ms, zone) - Math.floor(ms / 1000) * 1000);
  return new Date(ms).toISOString().replace(".000Z", "Z");
}

/** What clocks in the zone show at a moment, as a datetime-local field has it. */
export function toLocal(time: string | null | undefined, zone: string): string {
  const ms = time ? new Date(time).getTime() : NaN;
  if (Number.isNaN(ms)) return "";
  const text = new Date(partsIn(ms, zone)).toISOString().slice(0, 19);
  return text.endsWith(":00") ? text.slice(0, 16) : text;
}
