/*
 * A log of any length in bounded memory: blocks of lines, the oldest blocks are let go when there is too much. Lines are numbered from 0 over
 * the whole log, so that a number stays the same.
 */
import { stripAnsi } from "./ansi";

export const LEVELS = ["debug", "info", "warning", "error", "critical"] as const;
export type Level = (typeof LEVELS)[number];

const BLOCK = 8192;
export const LINES_MAX = 1_000_000;
export const CHARS_MAX = 160_000_000;

const WORDS: Record<string, number> = {
  trace: 0, debug: 0, info: 1, notice: 1, warn: 2, warning: 2, error: 3, err: 3, fatal: 4, critical: 4,
};
// At the beginning of a line, perhaps behind a time and in brackets.
const LEVEL = /^(?:[\d\-:.,TZ+/ []*\]?\s*)(?:\{[^}]*\}\s*)?[[(<]?(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|FATAL|CRITICAL|debug|info|warning|warn|error|critical)\b/;
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/g;

/** The level that a line names, or null: it belongs to the one before. */
export function levelOf(line: string): number | null {
  const text = line.length > 400 ? line.slice(0, 400) : line;
  const m = LEVEL.exec(stripAnsi(text).trimStart());
  if (m) return WORDS[m[1]!.toLowerCase()] ?? null;
  return text.startsWith("Traceback (most recent call last)") ? 3 : null;
}

/** How many columns a line takes in a font of one width. */
export function widthOf(line: string): number {
  const text = stripAnsi(line);
  let n = text.length;
   
  if (/[^\x00-\xff]/.test(text)) n += text.match(WIDE)?.length ?? 0;
  if (text.includes("\t")) {
    n = 0;
    for (const ch of text) n += ch === "\t" ? 4 - (n % 4) : 1;
  }
  return n;
}

/* Of a line that names no level: it has that of the one before it, for filters. */
export const INHERITED = 8;

interface Block {
  lines: string[];
  level: Uint8Array;
  width: Uint32Array;
  chars: number;
}

export interface Group {
  start: number; // the line ::group::
  end: number; // the line ::endgroup::, or -1: open to the end
  title: string;
}

export interface Layout {
  shown: Uint32Array; // numbers of the lines
  top: Uint32Array | null; // of each, the row in which it begins; null: a row a line
  rows: number;
}

export class LogModel {
  private blocks: Block[] = [];
  private last = 1; // level of the line before
  chars = 0;
  first = 0; // the oldest line that is kept
  length = 0; // of the whole log
  readonly groups: Group[] = [];
  private readonly open: Group[] = [];
  counts = [0, 0, 0, 0, 0];

  constructor(private readonly linesMax = LINES_MAX, private readonly charsMax = CHARS_MAX) {}

  push(line: string, level?: string | null) {
    let b = this.blocks[this.blocks.length - 1];
    if (!b || b.lines.length === BLOCK) {
      b = { lines: [], level: new Uint8Array(BLOCK), width: new Uint32Array(BLOCK), chars: 0 };
      this.blocks.push(b);
      this.letGo();
    }
    const i = b.lines.length;
    const named = level ? (WORDS[level.toLowerCase()] ?? null) : levelOf(line);
    const lv = named ?? this.last;
    this.last = lv;
    b.lines.push(line);
    b.level[i] = named === null ? lv | INHERITED : lv;
    b.width[i] = widthOf(line);
    b.chars += line.length;
    this.chars += line.length;
    this.counts[lv]!++;
    if (line.startsWith("::group::") || line.startsWith("::endgroup::")) this.group(line);
    this.length++;
  }

  private group(line: string) {
    if (line.startsWith("::group::")) {
      const g = { start: this.length, end: -1, title: line.slice(9).trim() };
      this.groups.push(g);
      this.open.push(g);
    } else {
      const g = this.open.pop();
      if (g) g.end = this.length;
    }
  }

  private letGo() {
    while (this.blocks.length > 1 && (this.length - this.first > this.linesMax || this.chars > this.charsMax)) {
      const b = this.blocks.shift()!;
      this.chars -= b.chars;
      this.first += b.lines.length;
    }
  }

  line(n: number): string {
    const i = n - this.first;
    return i < 0 || n >= this.length ? "" : this.blocks[Math.floor(i / BLOCK)]!.lines[i % BLOCK]!;
  }

  level(n: number): number {
    const i = n - this.first;
    return this.blocks[Math.floor(i / BLOCK)]?.level[i % BLOCK] ?? 1;
  }

  /** What is shown of it: lines of these levels and above, without those of closed groups; with columns, broken into rows of that many. */
  layout(least: number, isOpen: (g: Group) => boolean, columns: number): Layout {
    const shown = new Uint32Array(this.length - this.first);
    const top = columns > 0 ? new Uint32Array(shown.length + 1) : null;
    let len = 0, rows = 0, gi = 0;
    while (gi < this.groups.length && this.groups[gi]!.end >= 0 && this.groups[gi]!.end < this.first) gi++;
    let skipTo = -1; // lines up to this one are in a closed group
    for (let bi = 0, n = this.first; bi < this.blocks.length; bi++) {
      const b = this.blocks[bi]!;
      for (let i = 0; i < b.lines.length; i++, n++) {
        const g = gi < this.groups.length && this.groups[gi]!.start === n ? this.groups[gi++]! : null;
        if (n <= skipTo) continue;
        if (g && !isOpen(g)) skipTo = g.end < 0 ? Infinity : g.end;
        else if (b.lines[i]!.startsWith("::endgroup::")) continue;
        if ((b.level[i]! & 7) < least && !g) continue;
        if (g && least > 0) continue;
        if (top) {
          top[len] = rows;
          rows += Math.max(1, Math.ceil(b.width[i]! / columns));
        } else rows++;
        shown[len++] = n;
      }
    }
    if (top) top[len] = rows;
    return { shown: shown.subarray(0, len), top: top?.subarray(0, len + 1) ?? null, rows };
  }

  groupAt(n: number): Group | undefined {
    let lo = 0, hi = this.groups.length - 1;
    while (lo <= hi) {
      const m = (lo + hi) >> 1, g = this.groups[m]!;
      if (g.start === n) return g;
      if (g.start < n) lo = m + 1;
      else hi = m - 1;
    }
    return undefined;
  }

  /** The groups that a line is in, the outermost first. */
  groupsAround(n: number): Group[] {
    return this.groups.filter((g) => g.start < n && (g.end < 0 || g.end >= n));
  }
}

/** The place of a value in an ascending list: of the last one that is not greater. */
export function floorIndex(list: Uint32Array, value: number, length = list.length): number {
  let lo = 0, hi = length - 1;
  while (lo < hi) {
    const m = (lo + hi + 1) >> 1;
    if (list[m]! <= value) lo = m;
    else hi = m - 1;
  }
  return lo;
}
