import { useSyncExternalStore } from "react";
import { read, write } from "@/lib/storage";

export type Theme = "system" | "light" | "dark";

const media = window.matchMedia("(prefers-color-scheme: dark)");
const watchers = new Set<() => void>();

function chosen(): Theme {
  const t = read("theme");
  return t === "light" || t === "dark" ? t : "system";
}

function shown(): "light" | "dark" {
  const t = chosen();
  return t === "system" ? (media.matches ? "dark" : "light") : t;
}

function apply() {
  document.documentElement.dataset.theme = shown();
  for (const fn of watchers) fn();
}

media.addEventListener("change", apply);
window.addEventListener("storage", (e) => e.key === "tradewind.theme" && apply());

function watch(fn: () => void) {
  watchers.add(fn);
  return () => void watchers.delete(fn);
}

/** The theme that was chosen, the one that is shown ("light" or "dark"), and how to choose. */
export function useTheme() {
  const theme = useSyncExternalStore(watch, chosen);
  const now = useSyncExternalStore(watch, shown);
  return {
    theme,
    shown: now,
    setTheme(t: Theme) {
      write("theme", t === "system" ? null : t);
      apply();
    },
  };
}
