import { expect, it } from "vitest";
import { fromLocal, toLocal } from "./zoned";

it.each([
  ["2026-11-27T14:03", "UTC", "2026-11-27T14:03:00Z"], ["2026-11-27T14:03:05", "Asia/Seoul", "2026-11-27T05:03:05Z"], ["2026-11-27", "Asia/Seoul", "2026-11-26T15:00:00Z"],
  ["2026-07-01T00:00", "America/New_York", "2026-07-01T04:00:00Z"], ["2026-01-01T00:00", "Asia/Kolkata", "2025-12-31T18:30:00Z"], ["2026-10-24T12:00", "Europe/Berlin", "2026-10-24T10:00:00Z"], ["2026-10-26T12:00", "Europe/Berlin", "2026-10-26T11:00:00Z"],
])("%s in %s is %s", (local, zone, utc) => {
  expect(fromLocal(local, zone)).toBe(utc);
  expect(toLocal(utc, zone)).toBe(local.length === 10 ? `${local}T00:00` : local);
});

it("has no moment for no text", () => {
  expect(fromLocal("", "UTC")).toBe("");
  expect(fromLocal("x", "UTC")).toBe("");
  expect(toLocal(null, "UTC")).toBe("");
});

it("takes the time after the gap when clocks skip it", () => {
  expect(["2026-03-29T01:30:00Z", "2026-03-29T00:30:00Z"]).toContain(fromLocal("2026-03-29T02:30", "Europe/Berlin"));
});
