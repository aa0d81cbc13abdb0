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
const GROUP_END = 16; // it ends a group, and is not shown

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

/* The last layout, to be gone on with. */
interface Kept {
  first: number;
  least: number;
  isOpen: (g: Group) => boolean;
  columns: number;
  next: number; // the first line that is not laid out
  group: number; // the first group that begins behind it
  skipped: Group | null; // the closed one that came last: its end may be to come
  len: number;
  rows: number;
  shown: Uint32Array<ArrayBuffer>; // longer than `len`
  top: Uint32Array<ArrayBuffer> | null;
}

function larger(list: Uint32Array, least: number): Uint32Array<ArrayBuffer> {
  const out = new Uint32Array(Math.max(least, 2 * list.length));
  out.set(list);
  return out;
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
    b.level[i] = (named === null ? lv | INHERITED : lv) | (line.startsWith("::endgroup::") ? GROUP_END : 0);
    b.width[i] = widthOf(line);
    b.chars += line.length;
    this.chars += line.length;
    this.counts[lv]!++;
    if (line.startsWith("::group::") || b.level[i] & GROUP_END) this.group(line);
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

  private kept: Kept | null = null;

  /**
   * What is shown of it: lines of these levels and above, without those of closed groups; with columns, broken into rows of that many. A log that
   * has grown is laid out from where it ended before: a million lines that come in hundreds of parts are gone through once.
   */
  layout(least: number, isOpen: (g: Group) => boolean, columns: number): Layout {
    let k = this.kept;
    if (!k || k.first !== this.first || k.least !== least || k.isOpen !== isOpen || k.columns !== columns) {
      k = { first: this.first, least, isOpen, columns, next: this.first, group: 0, skipped: null, len: 0, rows: 0, shown: new Uint32Array(0), top: columns > 0 ? new Uint32Array(1) : null };
      while (k.group < this.groups.length && this.groups[k.group]!.end >= 0 && this.groups[k.group]!.end < this.first) k.group++;
    }
    this.kept = k;
    const most = k.len + this.length - k.next;
    if (most > k.shown.length) {
      k.shown = larger(k.shown, most);
      if (k.top) k.top = larger(k.top, most + 1);
    }
    this.extend(k);
    return { shown: k.shown.subarray(0, k.len), top: k.top?.subarray(0, k.len + 1) ?? null, rows: k.rows };
  }

  private extend(k: Kept) {
    const { least, isOpen, columns, shown, top } = k;
    const endOf = (g: Group | null) => (!g ? -1 : g.end < 0 ? Infinity : g.end);
    let skipTo = endOf(k.skipped); // lines up to this one are in a closed group
    for (let n = k.next; n < this.length; n++) {
      const at = n - this.first, b = this.blocks[Math.floor(at / BLOCK)]!, i = at % BLOCK, level = b.level[i]!;
      const g = k.group < this.groups.length && this.groups[k.group]!.start === n ? this.groups[k.group++]! : null;
      if (n <= skipTo) continue;
      if (g && !isOpen(g)) skipTo = endOf((k.skipped = g));
      else if (level & GROUP_END) continue;
      if (g ? least > 0 : (level & 7) < least) continue;
      shown[k.len++] = n;
      k.rows += top ? Math.max(1, Math.ceil(b.width[i]! / columns)) : 1;
      if (top) top[k.len] = k.rows;
    }
    k.next = this.length;
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
