import { describe, expect, it } from "vitest";

type Tree = { [key: string]: string | Tree };
const files = import.meta.glob<{ default: Tree }>("./*/*.json", { eager: true });

/* Plural forms are a language's own: their names are compared without them. */
const leaves = (t: Tree, at = ""): [string, string, boolean][] =>
  Object.entries(t).flatMap(([k, v]) => (typeof v === "string" ? [[`${at}${k}`.replace(/_(zero|one|two|few|many|other)$/, ""), v, k.endsWith("_one")] as [string, string, boolean]] : leaves(v, `${at}${k}.`)));
const of = (language: string) =>
  Object.fromEntries(Object.entries(files).filter(([f]) => f.startsWith(`./${language}/`)).map(([f, m]) => [f.split("/")[2]!, leaves(m.default)]));
const en = of("en"), ko = of("ko");

describe("translations", () => {
  it("are there in both languages", () => expect(Object.keys(ko).sort()).toEqual(Object.keys(en).sort()));
  for (const [file, list] of Object.entries(en)) {
    it(`${file}: the same words to say`, () => {
      expect([...new Set(ko[file]?.map(([k]) => k))].sort()).toEqual([...new Set(list.map(([k]) => k))].sort());
    });
    it(`${file}: the same values in them, and nothing empty`, () => {
      const values = (text: string) => [...text.matchAll(/{{(\w+)}}/g)].map((m) => m[1]).sort().join();
      const theirs = new Map(ko[file]?.filter(([, , one]) => !one).map(([key, text]) => [key, text]));
      for (const [key, text, one] of list) {
        expect(text.trim(), key).not.toBe("");
        if (!one) expect(values(theirs.get(key) ?? ""), key).toBe(values(text));
      }
    });
  }
});
