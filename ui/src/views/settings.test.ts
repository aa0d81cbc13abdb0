import { expect, it } from "vitest";
import { changesOf, sidesOf } from "@/views/audit/changes";
import { paramsOf } from "@/views/actions/types";
import type { Hitl } from "@/views/actions/types";
import { whereOf } from "@/views/importerrors/where";
import { fromFile, toFile } from "@/views/variables/transfer";
import { addressOf } from "@/views/connections/types";
import type { Connection } from "@/views/connections/types";

it("variables go to a file and back", () => {
  const list = [{ key: "a", value: "text", description: null }, { key: "b", value: '{"x": [1]}', description: "why" }, { key: "c", value: "***", description: null }, { key: "n", value: "12", description: null }];
  const file = toFile(list);
  expect(file.left).toEqual(["c"]);
  expect(JSON.parse(file.text)).toEqual({ a: "text", b: { value: { x: [1] }, description: "why" }, n: "12" });
  expect(fromFile(file.text)).toEqual([{ key: "a", value: "text" }, { key: "b", value: '{"x":[1]}', description: "why" }, { key: "n", value: "12" }]);
  expect(fromFile('{"o": {"value": 1, "more": 2}}')).toEqual([{ key: "o", value: '{"value":1,"more":2}' }]);
  expect(() => fromFile("[]")).toThrow();
});

it("changes are told member by member", () => {
  expect(changesOf({ slots: 1, description: "a", same: 1 }, { slots: 2, same: 1, deep: { x: true } })).toEqual([
    { path: "slots", before: "1", after: "2" }, { path: "description", before: "a", after: null }, { path: "deep.x", before: null, after: "true" },
  ]);
  expect(changesOf(null, "made")).toEqual([{ path: "", before: null, after: "made" }]);
  expect(changesOf(null, null)).toEqual([]);
  expect(sidesOf({ extra: '{"before": {"a": 1}, "after": null}' })).toEqual({ before: { a: 1 }, after: null });
  expect(sidesOf({ extra: '{"a": 1}' })).toEqual({ before: null, after: { a: 1 } });
  expect(sidesOf({ before: '{"a":1}', after: null })).toEqual({ before: { a: 1 }, after: null });
});

it("an import error has its place", () => {
  expect(whereOf('Traceback (most recent call last):\n  File "/d/x.py", line 3, in <module>\n    import nothing\nModuleNotFoundError: No module named \'nothing\'\n', "/d/x.py")).toEqual({ line: 3, column: null, reason: "ModuleNotFoundError: No module named 'nothing'" });
  expect(whereOf("wrong.yaml:4:9: unknown member 'taks'", "/d/wrong.yaml")).toEqual({ line: 4, column: 9, reason: "unknown member 'taks'" });
  expect(whereOf("too large", "a.py")).toEqual({ line: null, column: null, reason: "too large" });
});

it("an address is what there is of it", () => {
  const c = { login: "me", host: "db", port: 5432, schema: "sales" } as Connection;
  expect(addressOf(c)).toBe("me@db:5432/sales");
  expect(addressOf({ ...c, login: null, port: null, schema: null })).toBe("db");
});

it("a question's params are schemas, those of a DAG, or values", () => {
  const params = paramsOf({ params: { a: { type: "integer", default: 5 }, b: { value: 1, schema: { type: "integer" } }, c: 7, d: { x: 1 } } } as unknown as Hitl);
  expect(params.a).toEqual({ value: 5, schema: { type: "integer", default: 5 } });
  expect(params.b).toEqual({ value: 1, schema: { type: "integer" } });
  expect([params.c, params.d]).toEqual([{ value: 7 }, { value: { x: 1 } }]);
});
