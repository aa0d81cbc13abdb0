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
let all: readonly Command[] = [];
const watchers = new Set<() => void>();

function changed() {
  all = [...lists.values()].reverse().flat();
  for (const fn of watchers) fn();
}

/** What the command palette offers for as long as this component lives. Give a list that is the same while nothing changes (useMemo). */
export function useCommands(commands: readonly Command[]) {
  useEffect(() => {
    const id = Symbol("commands");
    lists.set(id, commands);
    changed();
    return () => {
      lists.delete(id);
      changed();
    };
  }, [commands]);
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
