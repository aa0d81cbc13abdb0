/* Colours of terminals (SGR) to pieces of text. Other escapes are left out. */
export interface Piece {
  text: string;
  fg?: string; // a name ("red") or "rgb(…)"
  bg?: string;
  bold?: boolean;
  dim?: boolean;
  italic?: boolean;
  underline?: boolean;
}

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;
 
const ESCAPE = /\x1b(?:\[([0-9;:]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g;

function indexed(n: number): string | undefined {
  if (n < 8) return NAMES[n];
  if (n < 16) return `bright-${NAMES[n - 8]}`;
  if (n < 232) {
    const level = (v: number) => (v ? 55 + v * 40 : 0);
    const c = n - 16;
    return `rgb(${level(Math.floor(c / 36))},${level(Math.floor(c / 6) % 6)},${level(c % 6)})`;
  }
  if (n > 255) return undefined;
  const g = 8 + (n - 232) * 10;
  return `rgb(${g},${g},${g})`;
}

function apply(style: Omit<Piece, "text">, codes: string): Omit<Piece, "text"> {
  const list = codes === "" ? [0] : codes.split(/[;:]/).map((x) => Number(x) || 0);
  let s = { ...style };
  for (let i = 0; i < list.length; i++) {
    const c = list[i]!;
    if (c === 0) s = {};
    else if (c === 1) s.bold = true;
    else if (c === 2) s.dim = true;
    else if (c === 3) s.italic = true;
    else if (c === 4) s.underline = true;
    else if (c === 22) s.bold = s.dim = undefined;
    else if (c === 23) s.italic = undefined;
    else if (c === 24) s.underline = undefined;
    else if (c >= 30 && c <= 37) s.fg = NAMES[c - 30];
    else if (c >= 40 && c <= 47) s.bg = NAMES[c - 40];
    else if (c >= 90 && c <= 97) s.fg = `bright-${NAMES[c - 90]}`;
    else if (c >= 100 && c <= 107) s.bg = `bright-${NAMES[c - 100]}`;
    else if (c === 39) s.fg = undefined;
    else if (c === 49) s.bg = undefined;
    else if (c === 38 || c === 48) {
      let color: string | undefined;
      if (list[i + 1] === 5) {
        color = indexed(list[i + 2] ?? 256);
        i += 2;
      } else if (list[i + 1] === 2) {
        const [r, g, b] = [list[i + 2], list[i + 3], list[i + 4]];
        color = [r, g, b].every((v) => v !== undefined && v <= 255) ? `rgb(${r},${g},${b})` : undefined;
        i += 4;
      }
      if (c === 38) s.fg = color;
      else s.bg = color;
    }
  }
  return s;
}

export function parseAnsi(line: string): Piece[] {
  if (!line.includes("\x1b")) return [{ text: line }];
  const out: Piece[] = [];
  let style: Omit<Piece, "text"> = {}, at = 0;
  for (const m of line.matchAll(ESCAPE)) {
    if (m.index > at) out.push({ ...style, text: line.slice(at, m.index) });
    if (m[2] === "m") style = apply(style, m[1] ?? "");
    at = m.index + m[0].length;
  }
  if (at < line.length) out.push({ ...style, text: line.slice(at) });
  return out;
}

export const stripAnsi = (line: string): string => (line.includes("\x1b") ? line.replace(ESCAPE, "") : line);
