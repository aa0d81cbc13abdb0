/* Times for people: exact in a zone, or relative to now. Durations in two units at most. */
export interface Formats {
  exact(t: string | number | Date): string; // 2026-11-27 14:03:22
  day(t: string | number | Date): string; // 2026-11-27
  clock(t: string | number | Date): string; // 14:03:22
  short(t: string | number | Date): string; // 14:03 today, Nov 27 14:03 this year, else the day
  relative(t: string | number | Date, now: number): string; // 3 minutes ago
  offset(t: string | number | Date): string; // UTC+09:00
}

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

function safeZone(zone: string): string {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return zone;
  } catch {
    return "UTC";
  }
}

export function makeFormats(wanted: string, language: string): Formats {
  const timeZone = safeZone(wanted);
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
  const near = new Intl.DateTimeFormat(language, { timeZone, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const zoneName = new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" });
  const rel = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "long" });
  const of = (t: string | number | Date) => {
    const d = new Date(t);
    return Number.isNaN(d.getTime()) ? null : Object.fromEntries(parts.formatToParts(d).map((p) => [p.type, p.value]));
  };
  const day = (t: string | number | Date) => {
    const p = of(t);
    return p ? `${p.year}-${p.month}-${p.day}` : "";
  };
  const clock = (t: string | number | Date) => {
    const p = of(t);
    return p ? `${p.hour}:${p.minute}:${p.second}` : "";
  };
  return {
    day,
    clock,
    exact: (t) => `${day(t)} ${clock(t)}`,
    short(t) {
      const d = day(t), today = day(Date.now());
      if (d === today) return clock(t).slice(0, 5);
      return d.slice(0, 4) === today.slice(0, 4) ? near.format(new Date(t)) : d;
    },
    relative(t, now) {
      const ms = new Date(t).getTime() - now, a = Math.abs(ms);
      if (a < 45 * SECOND) return rel.format(Math.trunc(ms / SECOND), "second");
      if (a < 45 * MINUTE) return rel.format(Math.round(ms / MINUTE), "minute");
      if (a < 22 * HOUR) return rel.format(Math.round(ms / HOUR), "hour");
      if (a < 26 * DAY) return rel.format(Math.round(ms / DAY), "day");
      if (a < 320 * DAY) return rel.format(Math.round(ms / (30.44 * DAY)), "month");
      return rel.format(Math.round(ms / (365.25 * DAY)), "year");
    },
    offset(t) {
      const p = zoneName.formatToParts(new Date(t)).find((x) => x.type === "timeZoneName");
      return (p?.value ?? "GMT").replace("GMT", "UTC");
    },
  };
}

/** 0.42 s, 12 s, 3 min 5 s, 2 h 10 min, 4 d 3 h. The units are the field's in both languages. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "–";
  if (seconds < 0.0995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.995) return `${seconds.toFixed(seconds < 0.995 ? 2 : 1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s / 60} min`;
  const m = Math.round(s / 60);
  if (m < 1440) return m % 60 ? `${Math.floor(m / 60)} h ${m % 60} min` : `${m / 60} h`;
  const h = Math.round(m / 60);
  return h % 24 ? `${Math.floor(h / 24)} d ${h % 24} h` : `${h / 24} d`;
}

export function seconds(from: string | null | undefined, to: string | null | undefined, now = Date.now()): number | null {
  if (!from) return null;
  return Math.max(0, ((to ? new Date(to).getTime() : now) - new Date(from).getTime()) / 1000);
}
