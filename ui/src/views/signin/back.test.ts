import { describe, expect, it } from "vitest";
import { nextOf, ours, outcomeOf, OUTCOMES } from "./back";
import en from "@/i18n/en/signin.json";
import ko from "@/i18n/ko/signin.json";

describe("after the sign-in", () => {
  it("one stays where one was", () => expect(nextOf({ pathname: "/dags/x/grid", search: "?task=a", hash: "#L1" })).toBe("/dags/x/grid?task=a#L1"));
  it("or goes where /login says", () => expect(nextOf({ pathname: "/login", search: "?next=%2Fdags%2Fx%3Ftask%3Da" })).toBe("/dags/x?task=a"));
  it("but never to another server, nor back to /login", () => {
    for (const bad of ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "", "/a\nb", "/login", "/login?next=/login"]) expect(ours(bad), bad).toBe("/");
    expect(nextOf({ pathname: "/login", search: "" })).toBe("/");
    expect(ours("/logins")).toBe("/logins");
  });
});

describe("what the provider said", () => {
  it("is told in a sentence of each language", () => {
    for (const x of OUTCOMES) {
      expect(outcomeOf({ pathname: "/login", search: `?oidc=${x}` })).toBe(x);
      expect(en.outcome[x]).toMatch(/\.$/);
      expect(ko.outcome[x]).toMatch(/[가-힣]/);
    }
    expect(new Set(Object.values(en.outcome)).size).toBe(OUTCOMES.length);
  });
  it("is a failure where the page does not know the word", () => expect(outcomeOf({ pathname: "/login", search: "?oidc=new" })).toBe("failed"));
  it("is nothing elsewhere", () => {
    expect(outcomeOf({ pathname: "/login", search: "" })).toBeNull();
    expect(outcomeOf({ pathname: "/dags", search: "?oidc=denied" })).toBeNull();
  });
});
