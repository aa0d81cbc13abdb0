import { expect, it } from "vitest";
import { dayAfter, monthsOf, weeks, worstOf } from "./month";
import { movingMedian, quantile } from "@/views/durations/stats";
import { ticks } from "@/views/gantt/scale";
import { tableColumns } from "@/views/task/ValueView";

it("months have weeks from Monday, all days, none of another month", () => {
  const feb = weeks(2024, 1);
  expect(feb[0]).toEqual([null, null, null, "2024-02-01", "2024-02-02", "2024-02-03", "2024-02-04"]);
  expect(feb.flat().filter(Boolean)).toHaveLength(29);
  expect(weeks(2026, 1)).toHaveLength(5);
  expect(weeks(2021, 1)).toHaveLength(4);
});

it("the day after, over months, years, leap days", () => {
  expect(["2026-01-31", "2026-12-31", "2024-02-28"].map(dayAfter)).toEqual(["2026-02-01", "2027-01-01", "2024-02-29"]);
});

it("a day is as bad as its worst run", () => {
  const day = { date: "2026-01-01", success: 1, failed: 0, running: 0, queued: 0, planned: 2 };
  expect(worstOf(day)).toBe("success");
  expect(worstOf({ ...day, failed: 1 })).toBe("failed");
  expect(worstOf({ ...day, success: 0 })).toBe("planned");
  expect(worstOf(undefined)).toBeNull();
});

it("quantiles and moving medians", () => {
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
  expect(quantile([], 0.5)).toBeNull();
  expect(movingMedian([1, 9, null, 2], 3)).toEqual([1, 5, 5, 5.5]);
});

it("ticks are round and no more than there is room for", () => {
  expect(ticks(10, 500)).toEqual([0, 2, 4, 6, 8, 10]);
  expect(ticks(86_400 * 3, 900).length).toBeLessThanOrEqual(11);
  expect(ticks(0.004, 450)[1]).toBe(0.001);
});

it("lists of flat objects are tables, others are not", () => {
  expect(tableColumns([{ a: 1 }, { a: 2, b: null }])).toEqual(["a", "b"]);
  expect(tableColumns([{ a: [] }])).toBeNull();
  expect(tableColumns([])).toBeNull();
  expect(tableColumns({ a: 1 })).toBeNull();
});

it("months begin with the newest", () => {
  expect(monthsOf(2026, "2026-03-09")).toEqual([2, 1, 0, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect(monthsOf(2025, "2026-03-09")).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
});
