import { describe, expect, it } from "vitest";
import { confOf, draftOf, draftsOf, fieldOf, fieldsOf, parseObject, sectionsOf, serverErrors, valueOf } from "./schema";
import type { Draft, Schema } from "./schema";

const field = (schema: Schema, value?: unknown) => fieldOf("x", { value, schema });
const code = (schema: Schema, draft: Draft, value?: unknown) => {
  const r = valueOf(field(schema, value), draft);
  return "error" in r ? r.error.code : null;
};
const value = (schema: Schema, draft: Draft, given?: unknown) => {
  const r = valueOf(field(schema, given), draft);
  return "error" in r ? r.error : r.value;
};

describe("kinds", () => {
  it.each<[Schema, unknown, string]>([
    [{ type: "boolean" }, true, "boolean"], [{ type: "integer" }, 1, "integer"], [{ type: "number" }, 1.5, "number"], [{ type: ["number", "integer"] }, 1, "number"],
    [{ type: "string" }, "a", "text"], [{ type: "string", format: "multiline" }, "a", "multiline"], [{ type: "string", format: "date" }, "2026-01-01", "date"],
    [{ type: "string", format: "date-time" }, null, "date-time"], [{ type: ["string", "null"], format: "time" }, null, "time"], [{ enum: [1, 2] }, 1, "choice"],
    [{ type: "array" }, ["a"], "lines"], [{ type: "array", items: { type: "number" } }, [1], "json"], [{ type: "array", items: { enum: ["a", "b"] } }, ["a"], "choices"],
    [{ type: "array", examples: ["a", "b"] }, [], "choices"], [{ type: "object" }, {}, "json"], [{ const: 5 }, 5, "constant"], [{ type: ["string", "object"] }, {}, "json"],
    [{}, 7, "integer"], [{}, "a", "text"], [{}, [1], "json"], [{}, null, "json"], [{ type: "array" }, ["a\nb"], "json"],
  ])("%j with %j is %s", (schema, given, kind) => expect(field(schema, given).kind).toBe(kind));

  it("knows what may be empty", () => {
    expect(field({ type: ["string", "null"] }).nullable).toBe(true);
    expect(field({ enum: ["a", null] }, "a").nullable).toBe(true);
    expect(field({ type: "string" }, "").required).toBe(false);
    expect(field({ type: "string" }).required).toBe(true);
    expect(field({ type: "string", minLength: 1 }, "a").required).toBe(true);
    expect(field({ type: "integer" }, 1).required).toBe(true);
  });

  it("names, describes and groups", () => {
    const fields = fieldsOf({
      a: { value: 1, schema: { section: "More", title: "A title" } }, b: { value: "x", schema: { description: "plain", description_md: "**bold**" } }, c: { value: 1, schema: { section: "More" } },
      d: { value: "p", schema: { enum: ["p", "q"], values_display: { p: "Pea" } } },
    });
    expect(sectionsOf(fields).map(([n, l]) => [n, l.map((f) => f.name)])).toEqual([["", ["b", "d"]], ["More", ["a", "c"]]]);
    expect(fields[0]!.label).toBe("A title");
    expect(fields[1]!.description).toBe("**bold**");
    expect(fields[3]!.options.map((o) => o.label)).toEqual(["Pea", "q"]);
  });
});

describe("values", () => {
  it("turns drafts into values of the type", () => {
    expect(value({ type: "integer" }, " 12 ")).toBe(12);
    expect(value({ type: "number" }, "1.5e3")).toBe(1500);
    expect(value({ type: "array" }, "a\n\n b \n")).toEqual(["a", "b"]);
    expect(value({ type: "object" }, '{"a": [1]}')).toEqual({ a: [1] });
    expect(value({ enum: [1, "1", null] }, "1", 1)).toBe(1);
    expect(value({ enum: [1, "1", null] }, '"1"', 1)).toBe("1");
    expect(value({ enum: [1, null] }, "", 1)).toBeNull();
    expect(value({ type: "array", items: { enum: [1, 2] } }, ["2"])).toEqual([2]);
    expect(value({ type: ["string", "null"] }, "")).toBeNull();
    expect(value({ type: "string" }, "", "")).toBe("");
    expect(value({ const: { a: 1 } }, "anything")).toEqual({ a: 1 });
  });

  it.each<[Schema, Draft, string | null]>([
    [{ type: "integer" }, "", "required"], [{ type: "integer" }, "1.5", "integer"], [{ type: "integer" }, "abc", "integer"], [{ type: "number" }, "0x10", "number"],
    [{ type: "integer" }, "9007199254740993", "unsafe"], [{ type: "integer", minimum: 1 }, "0", "minimum"], [{ type: "integer", maximum: 5 }, "6", "maximum"],
    [{ type: "number", exclusiveMinimum: 0 }, "0", "above"], [{ type: "number", exclusiveMaximum: 1 }, "1", "below"], [{ type: "integer", minimum: 1, maximum: 5 }, "5", null],
    [{ type: "string", minLength: 3 }, "한글", "minLength"], [{ type: "string", maxLength: 2 }, "한글", null], [{ type: "string", pattern: "^[a-z]+$" }, "aB", "pattern"],
    [{ type: "string", pattern: "(?<bad" }, "a", null], [{ type: "string" }, "", "required"],
    [{ type: "string", format: "date" }, "2026-02-30", "date"], [{ type: "string", format: "date" }, "2024-02-29", null], [{ type: "string", format: "time" }, "25:00", "time"],
    [{ type: "string", format: "time" }, "23:59:59", null], [{ type: "string", format: "date-time" }, "soon", "dateTime"], [{ type: "string", format: "date-time" }, "2026-01-01T00:00:00Z", null],
    [{ type: "object" }, "{", "json"], [{ type: "object" }, "[]", "type"], [{ type: "array", items: { type: "integer" } }, "{}", "type"],
    [{ type: "array", minItems: 2 }, "a", "minItems"], [{ type: "array", maxItems: 1 }, "a\nb", "maxItems"], [{ type: "array", uniqueItems: true }, "a\na", "unique"],
    [{ type: "array", items: { type: "string", pattern: "^[a-z]$" } }, "a\nB", "item"],
  ])("%j of %j: %s", (schema, draft, wrong) => expect(code(schema, draft)).toBe(wrong));
});

describe("a conf", () => {
  const fields = fieldsOf({
    limit: { value: 5, schema: { type: "integer", minimum: 1 } }, day: { value: null, schema: { type: ["string", "null"], format: "date" } }, who: { value: null, schema: { type: "string" } },
  });

  it("has what differs from the defaults, and errors by field", () => {
    const first = confOf(fields, {});
    expect(first.given).toEqual({});
    expect(Object.keys(first.errors)).toEqual(["who"]);
    const second = confOf(fields, { limit: "7", who: "me" }, { other: 1 });
    expect(second.given).toEqual({ limit: 7, who: "me", other: 1 });
    expect(second.conf).toEqual({ limit: 7, day: null, who: "me", other: 1 });
    expect(second.errors).toEqual({});
    expect(confOf(fields, { limit: "0", who: "x" }).errors.limit).toEqual({ code: "minimum", args: { n: 1 } });
  });

  it("goes to text and back without loss", () => {
    const conf = { limit: 9, day: "2026-03-01", who: "<b>x</b>", extra: { a: [null, true] } };
    const { drafts, extra } = draftsOf(fields, conf);
    expect(confOf(fields, drafts, extra).conf).toEqual(conf);
    expect(draftOf(fields[0]!)).toBe("5");
  });

  it("must be an object", () => {
    expect(parseObject("")).toEqual({ value: {} });
    expect(parseObject('{"a":1}')).toEqual({ value: { a: 1 } });
    expect(parseObject("[1]")).toHaveProperty("error.code", "type");
    expect(parseObject("{a}")).toHaveProperty("error.code", "json");
  });
});

describe("what the server says", () => {
  const fields = fieldsOf({ limit: { value: 5, schema: { type: "integer" } }, mode: { value: "a", schema: {} } });
  it("is shown at its field", () => {
    expect(serverErrors("param 'limit': 0 is below its minimum 1", fields)).toEqual({ byField: { limit: "0 is below its minimum 1" }, rest: "" });
    expect(serverErrors("param 'limit': bad; param 'mode': at /1: \"B\" is wrong", fields).byField).toEqual({ limit: "bad", mode: 'at /1: "B" is wrong' });
    expect(serverErrors("param 'other': bad", fields)).toEqual({ byField: {}, rest: "param 'other': bad" });
    expect(serverErrors("the DAG is paused", fields).rest).toBe("the DAG is paused");
  });
});
