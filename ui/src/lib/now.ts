import { useSyncExternalStore } from "react";

/* One clock for all times on the page: a tick a second, only while something shows a time and the tab is seen. */
const watchers = new Set<() => void>();
let now = Date.now();
let timer = 0;

function tick() {
  if (document.hidden) return;
  now = Date.now();
  for (const fn of [...watchers]) fn();
}

function watch(fn: () => void) {
  watchers.add(fn);
  if (!timer) {
    now = Date.now();
    timer = window.setInterval(tick, 1000);
    document.addEventListener("visibilitychange", tick);
  }
  return () => {
    watchers.delete(fn);
    if (!watchers.size) {
      window.clearInterval(timer);
      timer = 0;
      document.removeEventListener("visibilitychange", tick);
    }
  };
}

const never = () => () => {};

/** The present moment in ms; `every` rounds it down, so that nothing renders more often than it must. 0: it stands still. */
export function useNow(every = 1000): number {
  return useSyncExternalStore(every ? watch : never, () => (every ? Math.floor(now / every) * every : now));
}
