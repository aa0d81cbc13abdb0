import { createContext, useContext, useMemo, useSyncExternalStore } from "react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSession } from "@/api/session";
import { makeFormats } from "@/lib/time";
import { read, write } from "@/lib/storage";

/** "dag": each DAG's own zone on its pages, the server's elsewhere. */
export type ZoneChoice = "utc" | "local" | "dag";

const watchers = new Set<() => void>();
const choice = (): ZoneChoice => {
  const z = read("timezone");
  return z === "utc" || z === "dag" ? z : "local";
};
const watch = (fn: () => void) => {
  watchers.add(fn);
  return () => void watchers.delete(fn);
};

const DagZone = createContext<string | null>(null);

/** Around what belongs to one DAG. */
export function DagZoneProvider({ zone, children }: { zone: string | null | undefined; children: ReactNode }) {
  return <DagZone.Provider value={zone ?? null}>{children}</DagZone.Provider>;
}

const local = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The zone in which times are shown here, and functions that format in it. */
export function useTimezone() {
  const chosen = useSyncExternalStore(watch, choice);
  const dag = useContext(DagZone);
  const { session } = useSession();
  const { i18n } = useTranslation();
  const zone = chosen === "utc" ? "UTC" : chosen === "local" ? local : (dag ?? session.timezone ?? "UTC");
  const formats = useMemo(() => makeFormats(zone, i18n.language), [zone, i18n.language]);
  return {
    choice: chosen,
    zone,
    ...formats,
    setZone(z: ZoneChoice) {
      write("timezone", z);
      for (const fn of watchers) fn();
    },
  };
}
