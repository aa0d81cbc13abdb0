import { useEffect, useSyncExternalStore } from "react";
import type { LucideIcon } from "lucide-react";

export interface Command {
  id: string;
  label: string;
  icon?: LucideIcon;
  group?: string;
  keys?: string; // shown beside it
  run: () => void;
}

const lists = new Map<symbol, readonly Command[]>();
const lastLists = new Map<symbol, readonly Command[]>(); // what is always there comes after what belongs here
let all: readonly Command[] = [];
const watchers = new Set<() => void>();

function changed() {
  all = [...[...lists.values()].reverse(), ...lastLists.values()].flat();
  for (const fn of watchers) fn();
}

/** What the command palette offers for as long as this component lives. Give a list that is the same while nothing changes (useMemo). */
export function useCommands(commands: readonly Command[], last = false) {
  useEffect(() => {
    const id = Symbol("commands");
    (last ? lastLists : lists).set(id, commands);
    changed();
    return () => {
      (last ? lastLists : lists).delete(id);
      changed();
    };
  }, [commands, last]);
}

export function useAllCommands(): readonly Command[] {
  return useSyncExternalStore(
    (fn) => {
      watchers.add(fn);
      return () => void watchers.delete(fn);
    },
    () => all,
  );
}
