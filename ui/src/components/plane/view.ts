/*
 * A plane that is moved and enlarged: which part of it is seen, outside of React, so that a move draws nothing again but what comes into view.
 * A point p of the plane is seen at p * zoom + (x, y) of the window it is looked at through.
 */
export interface View {
  x: number;
  y: number;
  zoom: number;
}

export interface Rect {
  x: number;
  y: number;
  w: number;
  h: number;
}

export const overlap = (a: Rect, b: Rect) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

export const ROOM = 24; // around what is shown whole

export function fitted(r: Rect, w: number, h: number, min: number): View {
  const zoom = Math.max(min, Math.min(1, (w - 2 * ROOM) / Math.max(1, r.w), (h - 2 * ROOM) / Math.max(1, r.h)));
  return { x: w / 2 - (r.x + r.w / 2) * zoom, y: h / 2 - (r.y + r.h / 2) * zoom, zoom };
}

const STEP = 128; // of the window: how far a move goes before the next boxes are made

export class PlaneView {
  view: View | null = null; // null until the window's size is known
  w = 0;
  h = 0;
  private readonly watchers = new Set<() => void>();

  constructor(readonly min: number, readonly max: number) {}

  watch = (fn: () => void) => {
    this.watchers.add(fn);
    return () => void this.watchers.delete(fn);
  };

  set(view: View) {
    const zoom = Math.min(this.max, Math.max(this.min, view.zoom));
    if (this.view?.x === view.x && this.view.y === view.y && this.view.zoom === zoom) return;
    this.view = { ...view, zoom };
    this.watchers.forEach((fn) => fn());
  }

  /** The window's size: the first one says where to begin. */
  resize(w: number, h: number, start: (w: number, h: number) => View) {
    if (w === this.w && h === this.h && this.view) return;
    this.w = w;
    this.h = h;
    if (!this.view) this.set(start(w, h));
    else this.watchers.forEach((fn) => fn());
  }

  move(dx: number, dy: number) {
    if (this.view) this.set({ ...this.view, x: this.view.x + dx, y: this.view.y + dy });
  }

  /** Larger or smaller, with the point of the window that stays where it is: its middle, if none is said. */
  zoomTo(zoom: number, at: readonly [number, number] = [this.w / 2, this.h / 2]) {
    if (!this.view) return;
    const to = Math.min(this.max, Math.max(this.min, zoom)), by = to / this.view.zoom;
    this.set({ x: at[0] - (at[0] - this.view.x) * by, y: at[1] - (at[1] - this.view.y) * by, zoom: to });
  }

  centre(x: number, y: number, zoom = this.view?.zoom ?? 1) {
    this.set({ x: this.w / 2 - x * zoom, y: this.h / 2 - y * zoom, zoom });
  }

  /** All of a part, with room around it; nothing is made larger than it is. */
  fit(r: Rect) {
    this.set(fitted(r, this.w, this.h, this.min));
  }

  /** Moves no more than needed for a part to be seen whole. */
  reveal(r: Rect, room = 16) {
    if (!this.view) return;
    const { x, y, zoom } = this.view;
    const by = (from: number, to: number, size: number) => (from < room ? room - from : to > size - room ? Math.max(size - room - to, room - from) : 0);
    this.move(by(r.x * zoom + x, (r.x + r.w) * zoom + x, this.w), by(r.y * zoom + y, (r.y + r.h) * zoom + y, this.h));
  }

  toPlane(px: number, py: number): { x: number; y: number } {
    const { x, y, zoom } = this.view ?? { x: 0, y: 0, zoom: 1 };
    return { x: (px - x) / zoom, y: (py - y) / zoom };
  }

  /** What is seen, in steps: the same text for all views that need the same boxes. */
  seenKey = (): string => {
    if (!this.view || !this.w) return "";
    const { x, y, zoom } = this.view, step = STEP * 2 ** Math.ceil(-Math.log2(zoom));
    const at = (p: number) => Math.floor(p / step) * step;
    return [at(-x / zoom), at(-y / zoom), at((this.w - x) / zoom) + step, at((this.h - y) / zoom) + step].join(" ");
  };

  static seen(key: string): Rect | null {
    if (!key) return null;
    const [x0, y0, x1, y1] = key.split(" ").map(Number) as [number, number, number, number];
    return { x: x0, y: y0, w: x1 - x0, h: y1 - y0 };
  }
}
