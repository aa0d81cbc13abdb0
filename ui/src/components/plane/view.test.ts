import { describe, expect, it, vi } from "vitest";
import { fitted, overlap, PlaneView } from "./view";

function made(view = { x: 0, y: 0, zoom: 1 }) {
  const p = new PlaneView(0.1, 2);
  p.resize(800, 400, () => view);
  return p;
}

describe("a view", () => {
  it("begins where it is told, once the size is known", () => {
    const start = vi.fn(() => ({ x: 5, y: 6, zoom: 1 }));
    const p = new PlaneView(0.1, 2);
    expect(p.view).toBeNull();
    expect(p.seenKey()).toBe("");
    p.resize(800, 400, start);
    p.resize(700, 400, start);
    expect(start).toHaveBeenCalledExactlyOnceWith(800, 400);
    expect(p.view).toEqual({ x: 5, y: 6, zoom: 1 });
  });
  it("enlarges around a point, within its bounds", () => {
    const p = made();
    p.zoomTo(2, [100, 50]);
    expect(p.toPlane(100, 50)).toEqual({ x: 100, y: 50 });
    p.zoomTo(50, [100, 50]);
    expect(p.view!.zoom).toBe(2);
    p.zoomTo(0, [100, 50]);
    expect(p.view!.zoom).toBe(0.1);
    expect(p.toPlane(100, 50).x).toBeCloseTo(100);
  });
  it("shows a part whole, and does not enlarge it above its size", () => {
    const p = made();
    p.fit({ x: 1000, y: 0, w: 7520, h: 100 });
    expect(p.view!.zoom).toBeCloseTo(0.1);
    expect(p.toPlane(400, 200)).toEqual({ x: 4760, y: 50 });
    expect(fitted({ x: 0, y: 0, w: 10, h: 10 }, 800, 400, 0.1)).toEqual({ x: 395, y: 195, zoom: 1 });
  });
  it("moves no more than is needed to reveal", () => {
    const p = made();
    p.reveal({ x: 100, y: 100, w: 50, h: 50 });
    expect(p.view).toEqual({ x: 0, y: 0, zoom: 1 });
    p.reveal({ x: 900, y: 100, w: 50, h: 50 });
    expect(p.view).toEqual({ x: -166, y: 0, zoom: 1 });
    p.reveal({ x: 0, y: 100, w: 2000, h: 50 }); // what is wider than the window: its beginning
    expect(p.view!.x).toBe(16);
  });
  it("says what is seen in steps, so that small moves draw nothing again", () => {
    const p = made({ x: -10, y: -10, zoom: 1 }), before = p.seenKey();
    p.move(-20, -20);
    expect(p.seenKey()).toBe(before);
    p.move(-200, 0);
    expect(p.seenKey()).not.toBe(before);
    for (const zoom of [0.1, 0.33, 1, 2]) {
      p.zoomTo(zoom);
      const seen = PlaneView.seen(p.seenKey())!, a = p.toPlane(0, 0), b = p.toPlane(800, 400);
      expect(seen.x <= a.x && seen.y <= a.y && seen.x + seen.w >= b.x && seen.y + seen.h >= b.y).toBe(true);
      expect(seen.w * zoom).toBeLessThan(800 + 4 * 128);
    }
  });
  it("tells of changes alone", () => {
    const p = made(), told = vi.fn(), stop = p.watch(told);
    p.move(0, 0);
    expect(told).not.toHaveBeenCalled();
    p.move(1, 0);
    stop();
    p.move(1, 0);
    expect(told).toHaveBeenCalledTimes(1);
  });
});

it("what touches a part only at its border is outside", () => {
  const a = { x: 0, y: 0, w: 10, h: 10 };
  expect(overlap(a, { x: 9, y: 9, w: 5, h: 5 })).toBe(true);
  expect(overlap(a, { x: 10, y: 0, w: 5, h: 5 })).toBe(false);
});
