import { describe, expect, it, vi } from "vitest";
import { parseAnsi, stripAnsi } from "./ansi";
import { floorIndex, levelOf, LogModel, widthOf } from "./model";
import { findLines, keepFinding, matcher } from "./search";

describe("colours of terminals", () => {
  it("are pieces of text", () => {
    expect(parseAnsi("plain")).toEqual([{ text: "plain" }]);
    expect(parseAnsi("\x1b[1;31mbad\x1b[0m and \x1b[92mgood")).toEqual([
      { text: "bad", bold: true, fg: "red" }, { text: " and " }, { text: "good", fg: "bright-green" },
    ]);
  });
  it("go on until they are taken back", () => {
    expect(parseAnsi("\x1b[4m\x1b[43mx\x1b[24my\x1b[49mz")).toEqual([
      { text: "x", underline: true, bg: "yellow" }, { text: "y", underline: undefined, bg: "yellow" }, { text: "z", underline: undefined, bg: undefined },
    ]);
  });
  it("of 256 and of all", () => {
    expect(parseAnsi("\x1b[38;5;1ma\x1b[38;5;196mb\x1b[38;5;244mc\x1b[48;2;1;2;3md").map((p) => p.fg ?? p.bg)).toEqual(["red", "rgb(255,0,0)", "rgb(128,128,128)", "rgb(128,128,128)"]);
    expect(parseAnsi("\x1b[38;2;300;0;0mx")[0]!.fg).toBeUndefined();
    expect(parseAnsi("\x1b[38;5mx")).toEqual([{ text: "x", fg: undefined }]);
  });
  it("other escapes leave nothing behind", () => {
    expect(stripAnsi("\x1b[2K\x1b]0;title\x07a\x1b[1Gb\x1b(")).toBe("ab\x1b(");
    expect(parseAnsi("\x1b[31m")).toEqual([]);
  });
});

describe("levels", () => {
  it.each([
    ["INFO - x", 1], ["[2026-01-01T00:00:00Z] ERROR: x", 3], ["2026-01-01 10:00:00,123 WARNING x", 2], ["[2026-01-01] {a.py:3} DEBUG - x", 0], ["\x1b[31mERROR\x1b[0m x", 3],
    ["CRITICAL", 4], ["Traceback (most recent call last):", 3], ["information", null], ["an ERROR within", null], ["  File x", null],
  ])("%s", (line, level) => expect(levelOf(line)).toBe(level));
});

it("wide letters take two columns, tabs go to the next stop, colours none", () => {
  expect([widthOf("abc"), widthOf("한국"), widthOf("a\tb"), widthOf("\x1b[31mab\x1b[0m"), widthOf("é")]).toEqual([3, 4, 5, 2, 1]);
});

const filled = (lines: string[], max = 1e6, chars = 1e9) => {
  const m = new LogModel(max, chars);
  for (const l of lines) m.push(l);
  return m;
};
const shownOf = (m: LogModel, least = 0, open = false, columns = 0) => [...m.layout(least, () => open, columns).shown];

describe("a log", () => {
  it("keeps what follows a level with it", () => {
    const m = filled(["INFO a", "ERROR b", "  at c", "INFO d"]);
    expect(shownOf(m, 3)).toEqual([1, 2]);
    expect(m.line(2)).toBe("  at c");
  });
  it("folds groups, nested ones too, and one without an end", () => {
    const lines = ["a", "::group::one", "b", "::group::two", "c", "::endgroup::", "d", "::endgroup::", "e", "::group::three", "f"];
    const m = filled(lines);
    expect(shownOf(m)).toEqual([0, 1, 8, 9]);
    expect(shownOf(m, 0, true)).toEqual([0, 1, 2, 3, 4, 6, 8, 9, 10]);
    expect([...m.layout(0, (g) => g.title !== "two", 0).shown]).toEqual([0, 1, 2, 3, 6, 8, 9, 10]);
    expect(m.groupAt(3)?.title).toBe("two");
    expect(m.groupAt(2)).toBeUndefined();
    expect(m.groupsAround(4).map((g) => g.title)).toEqual(["one", "two"]);
  });
  it("is broken into rows by its columns", () => {
    const l = filled(["a".repeat(10), "", "b".repeat(11), "c"]).layout(0, () => true, 10);
    expect([...l.top!]).toEqual([0, 1, 2, 4, 5]);
    expect(l.rows).toBe(5);
    expect(floorIndex(l.top!, 3, 4)).toBe(2);
  });
  it("of any length keeps its newest lines, under their own numbers", () => {
    const m = new LogModel(20_000);
    for (let i = 0; i < 100_000; i++) m.push(`line ${i}`);
    expect(m.length).toBe(100_000);
    expect(m.first).toBeGreaterThan(70_000);
    expect(m.length - m.first).toBeLessThanOrEqual(20_000 + 8192);
    expect(m.line(99_999)).toBe("line 99999");
    expect(m.line(m.first)).toBe(`line ${m.first}`);
    expect(m.line(m.first - 1)).toBe("");
    expect(shownOf(m)[0]).toBe(m.first);
  });
  it("of long lines is bounded by its letters", () => {
    const m = new LogModel(1e6, 1_000_000);
    for (let i = 0; i < 40_000; i++) m.push("x".repeat(100));
    expect(m.chars).toBeLessThanOrEqual(1_000_000 + 8192 * 100);
  });
});

describe("a search", () => {
  it("finds lines whatever their case and colours, and goes on where it was", async () => {
    const m = filled(["one", "\x1b[31mTW\x1b[0mO", "three two", "a.b"]);
    const hits: number[] = [];
    const at = await findLines(m, "two", 0, new AbortController().signal, hits);
    expect(hits).toEqual([1, 2]);
    m.push("two again");
    await findLines(m, "two", at, new AbortController().signal, hits);
    expect(hits).toEqual([1, 2, 4]);
  });
  it("takes its words as they are", () => {
    expect("axb".match(matcher("a.b")!)).toBeNull();
    expect("(a.b)".match(matcher("(a.b)")!)).not.toBeNull();
  });
});

describe("a log that grows", () => {
  const part = (i: number) => (i % 11 === 3 ? "::group::g" : i % 11 === 8 ? "::endgroup::" : i % 5 === 0 ? `ERROR ${"x".repeat(i % 40)}` : `INFO ${i}`);
  it.each([[0, false, 0], [0, true, 0], [3, false, 0], [0, false, 12], [0, true, 12]])("is laid out as if it had come at once: level %i, open %s, %i columns", (least, open, columns) => {
    const grown = new LogModel(20_000), isOpen = () => open;
    for (let i = 0; i < 40_000; i++) {
      grown.push(part(i));
      if (i % 997 === 0) grown.layout(least, isOpen, columns);
    }
    const once = new LogModel(20_000);
    for (let i = 0; i < 40_000; i++) once.push(part(i));
    const a = grown.layout(least, isOpen, columns), b = once.layout(least, isOpen, columns);
    expect([...a.shown]).toEqual([...b.shown]);
    expect(a.rows).toBe(b.rows);
    expect(a.top && [...a.top]).toEqual(b.top && [...b.top]);
    expect(a.shown.length).toBeGreaterThan(1000);
  });
  it("is gone through once", () => {
    const m = new LogModel(), isOpen = () => true;
    let asked = 0;
    const count = () => ((asked++, isOpen()));
    for (let i = 0; i < 300; i++) {
      m.push("::group::a");
      m.layout(0, count, 0);
    }
    expect(asked).toBe(300);
  });
  it("is searched as far as it goes, each hit once, however long a look takes", async () => {
    const m = filled(Array.from({ length: 70_000 }, (_, i) => (i % 10_000 ? "a" : "hit"))), stop = new AbortController();
    const told: number[][] = [];
    const work = keepFinding(m, "hit", stop.signal, (hits) => told.push(hits), 1);
    await vi.waitFor(() => expect(told).toHaveLength(1));
    m.push("hit");
    await vi.waitFor(() => expect(told).toHaveLength(2));
    stop.abort();
    await work;
    expect(told[0]).toEqual([0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000]);
    expect(told[1]!.at(-1)).toBe(70_000);
    expect(told[1]).toHaveLength(8);
  });
});
