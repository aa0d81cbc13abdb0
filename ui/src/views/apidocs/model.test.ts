import { describe, expect, it } from "vitest";
import { curlOf, groupsOf, limitsOf, membersOf, sampleOf, typeOf } from "./model";
import type { Description } from "./model";

const answer = { "200": { description: "the answer" } };
const d: Description = {
  info: {},
  tags: [{ name: "Second" }, { name: "First", description: "is shown first" }, { name: "Empty" }].reverse(),
  paths: {
    "/a/{a_id}": {
      get: { operationId: "get_a", tags: ["Second"], "x-role": "viewer", parameters: [{ name: "a_id", in: "path", required: true }, { name: "at", in: "query", required: true }, { name: "not", in: "query" }], responses: answer },
      post: { operationId: "post_a", tags: ["First"], "x-role": "op", requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/Node" } } } }, responses: answer },
    },
    "/hook": { post: { operationId: "hook", tags: ["First"], "x-role": "admin", security: [], responses: answer } },
    "/open": { get: { operationId: "open", "x-role": "none", security: [], responses: { "200": { content: { "text/event-stream": {} } } } } },
  },
  components: {
    schemas: {
      Node: { type: "object", required: ["name"], properties: { name: { type: "string", default: "it's" }, children: { type: "array", items: { $ref: "#/components/schemas/Node" } }, more: { type: "integer" } } },
      Map: { type: "object", additionalProperties: { type: "string", format: "date-time", nullable: true } },
    },
  },
};
const node = { $ref: "#/components/schemas/Node" };
const operations = groupsOf(d).flatMap((g) => g.operations);
const op = (id: string) => operations.find((o) => o.operationId === id)!;

describe("the API's description", () => {
  it("is grouped in the order of its tags, and nothing is lost", () => {
    expect(groupsOf(d).map((g) => [g.tag, g.operations.map((o) => o.operationId)])).toEqual([["First", ["post_a", "hook"]], ["Second", ["get_a"]], ["", ["open"]]]);
  });
  it("says what an operation needs", () => expect(operations.map((o) => o.needs)).toEqual(["op", "signed", "viewer", "none"]));
  it("names types", () => {
    expect(typeOf(d, { type: "array", items: node })).toBe("array of Node");
    expect(typeOf(d, { type: "string", format: "date-time", nullable: true })).toBe("string (date-time) or null");
    expect(typeOf(d, { nullable: true })).toBe("any");
    expect(limitsOf({ enum: ["a", "b"], minimum: 0, maximum: 9, default: "a" })).toBe('a | b, ≥ 0, ≤ 9, = "a"');
  });
  it("cuts cycles", () => {
    const top = membersOf(d, node, []);
    expect(top.members.map((m) => [m.name, m.required])).toEqual([["name", true], ["children", false], ["more", false]]);
    expect(membersOf(d, top.members[1]!.schema, top.names)).toEqual({ members: [], names: ["Node"], again: true });
    expect(sampleOf(d, { type: "object", properties: { a: node, b: { type: "array", items: node } } })).toEqual({ a: { name: "it's" }, b: [{ name: "it's" }] });
    expect(membersOf(d, { $ref: "#/components/schemas/Map" }, []).members.map((m) => [m.name, typeOf(d, m.schema)])).toEqual([["*", "string (date-time) or null"]]);
  });
  it("makes commands that a shell takes", () => {
    expect(curlOf(d, op("get_a"), "http://x")).toBe(`curl 'http://x/a/A_ID?at=AT' \\\n  -H "Authorization: Bearer $TOKEN"`);
    expect(curlOf(d, op("post_a"), "http://x")).toContain(`-d '{\n  "name": "it'\\''s"\n}'`);
    expect(curlOf(d, op("hook"), "http://x")).toBe("curl -X POST 'http://x/hook'");
    expect(curlOf(d, op("open"), "http://x")).toBe("curl -N 'http://x/open'");
  });
});
