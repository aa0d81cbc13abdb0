import { describe, expect, it } from "vitest";
import { path, withQuery } from "@/api/client";
import { mergeTopics, staleKeys } from "@/api/events";
import { titleOf } from "@/app/title";
import { matches } from "@/components/CommandPalette";
import { diff, fold } from "@/lib/diff";
import { highlight, syntaxOf } from "@/lib/highlight";
import { isTyping, keyName } from "@/lib/hotkeys";
import { duration, makeFormats, seconds } from "@/lib/time";

describe("time", () => {
  it.each([
    [0, "0 ms"], [0.0421, "42 ms"], [0.42, "0.42 s"], [1.26, "1.3 s"], [9.996, "10 s"], [59.4, "59 s"], [59.6, "1 min"], [185, "3 min 5 s"], [3600, "1 h"], [7800, "2 h 10 min"],
    [359_990, "4 d 4 h"], [86_400, "1 d"], [NaN, "–"], [-1, "–"],
  ])("%d seconds are %s", (s, text) => expect(duration(s)).toBe(text));
  it("shows a moment in a zone", () => {
    const f = makeFormats("Asia/Seoul", "en");
    expect(f.exact("2026-11-27T22:30:05Z")).toBe("2026-11-28 07:30:05");
    expect(f.offset("2026-11-27T22:30:05Z")).toBe("UTC+09:00");
    expect(makeFormats("No/Such", "en").exact("2026-01-01T00:00:00Z")).toBe("2026-01-01 00:00:00");
    expect(f.exact("nonsense").trim()).toBe("");
  });
  it("tells how far away", () => {
    const f = makeFormats("UTC", "en"), now = Date.parse("2026-01-01T12:00:00Z");
    expect(f.relative(now - 3 * 60_000, now)).toBe("3 minutes ago");
    expect(f.relative(now + 26 * 3_600_000, now)).toBe("tomorrow");
    expect(makeFormats("UTC", "ko").relative(now - 3 * 60_000, now)).toBe("3분 전");
  });
  it("counts from a start to its end or to now", () => {
    expect(seconds("2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z")).toBe(90);
    expect(seconds("2026-01-01T00:00:00Z", null, Date.parse("2026-01-01T00:00:02Z"))).toBe(2);
    expect(seconds(null, null)).toBeNull();
  });
});

describe("addresses", () => {
  it("escape what stands in them", () => {
    expect(path`/dags/${"a/b c?"}/runs/${"manual__2026+00:00"}`).toBe("/dags/a%2Fb%20c%3F/runs/manual__2026%2B00%3A00");
    expect(withQuery("/x", { a: 1, b: "", c: null, d: undefined, e: ["1", "2"], f: false })).toBe("/x?a=1&e=1&e=2&f=false");
    expect(withQuery("/x", {})).toBe("/x");
  });
});

describe("events", () => {
  it("merge topics in an order of their own", () => expect(mergeTopics([["b", "a"], ["a"], []])).toEqual(["a", "b"]));
  it("make stale what they are about", () => {
    expect(staleKeys({ type: "run", data: { dag_id: "d", run_id: "r" } })).toContainEqual(["dag", "d"]);
    expect(staleKeys({ type: "task", data: { dag_id: "d", run_id: "r" } })).toContainEqual(["dag", "d", "run", "r"]);
    expect(staleKeys({ type: "refresh", data: { topic: "dag:d" } })).toEqual([["dag", "d"], ["dags"]]);
    expect(staleKeys({ type: "refresh", data: { topic: "all" } })).toContainEqual(["dag"]);
    expect(staleKeys({ type: "health", data: {} })).toEqual([["home"]]);
  });
});

describe("keys", () => {
  const press = (key: string, more: Partial<KeyboardEvent> = {}) => keyName({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more });
  it("have names", () => {
    expect(press("k", { ctrlKey: true })).toBe("mod+k");
    expect(press("?", { shiftKey: true })).toBe("?");
    expect(press("G", { shiftKey: true })).toBe("shift+g");
    expect(press("ArrowDown")).toBe("down");
    expect(press("Escape")).toBe("escape");
  });
  it("are not taken from fields", () => {
    const make = (tag: string, type?: string) => Object.assign(document.createElement(tag), type ? { type } : {});
    expect(isTyping(make("textarea"))).toBe(true);
    expect(isTyping(make("input", "search"))).toBe(true);
    expect(isTyping(make("input", "checkbox"))).toBe(false);
    expect(isTyping(make("button"))).toBe(false);
  });
});

describe("source text", () => {
  const join = (lines: ReturnType<typeof highlight>) => lines.map((l) => l.map((t) => t.text).join("")).join("\n");
  it.each(["python", "yaml", "json", "sql", "text"] as const)("%s keeps every letter", (syntax) => {
    const text = 'a = "x # y"  # c\n\ndef f(x):\n    """doc\n    more"""\n    return 1.5e3\n- key: \'it\'\'s\'\n{"a": true}\nSELECT \'한글\' -- end';
    expect(join(highlight(text, syntax))).toBe(text);
  });
  it("tells kinds apart", () => {
    const kinds = (text: string, syntax: "python" | "yaml") => highlight(text, syntax).flat().filter((t) => t.kind).map((t) => `${t.kind}:${t.text}`);
    expect(kinds('@task\ndef f(): return "a#b" # c', "python")).toEqual(["name:@task", "keyword:def", "keyword:return", 'string:"a#b"', "comment:# c"]);
    expect(kinds("dag_id: x # c\nn: 3", "yaml")).toEqual(["name:dag_id", "comment:# c", "name:n", "number:3"]);
  });
  it("knows files by their names", () => expect([syntaxOf("a/b.py"), syntaxOf("x.YML"), syntaxOf("noext")]).toEqual(["python", "yaml", "text"]));
});

describe("differences", () => {
  it("number both sides and fold the rest", () => {
    const from = Array.from({ length: 20 }, (_, i) => `line ${i}`).join("\n") + "\n", to = from.replace("line 10", "other");
    const lines = diff(from, to);
    expect(lines.filter((l) => l.kind !== "same")).toEqual([{ kind: "del", text: "line 10", old: 11 }, { kind: "add", text: "other", now: 11 }]);
    const parts = fold(lines);
    expect(parts.map((p) => p.kind)).toEqual(["gap", "same", "same", "same", "del", "add", "same", "same", "same", "gap"]);
    expect(fold(diff(from, from))).toHaveLength(1);
  });
});

describe("words", () => {
  it("are found in any order", () => {
    expect(matches("Trigger sales_daily", "sales tri")).toBe(true);
    expect(matches("Trigger sales_daily", "salesx")).toBe(false);
  });
  it("count failures in the title", () => {
    expect(titleOf("DAGs", 0)).toBe("DAGs – Tradewind");
    expect(titleOf("DAGs", 3)).toBe("(3) DAGs – Tradewind");
    expect(titleOf("", 120)).toBe("(99+) Tradewind");
  });
});
