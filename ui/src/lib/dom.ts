import { useSyncExternalStore } from "react";

/** Where what opens at an element belongs: above all else, but in the same dialog or part of the page. */
export function landmarkOf(el: Element | null): Element {
  return el?.closest("dialog, #nav, main") ?? document.body;
}

const NARROW = window.matchMedia?.("(max-width: 600px)");

/** A window of one column, such as a telephone's. */
export function useNarrow(): boolean {
  return useSyncExternalStore(watchNarrow, () => NARROW?.matches ?? false);
}

function watchNarrow(fn: () => void) {
  NARROW?.addEventListener("change", fn);
  return () => NARROW?.removeEventListener("change", fn);
}
