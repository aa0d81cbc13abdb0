/*
 * The table of routes: what each views/<view>/routes.ts exports. Those files are read at start, their views when they are first shown; so nothing
 * but icons, addresses and queries may be imported there.
 */
import { lazy, useState } from "react";
import type { ComponentType } from "react";
import { loadWords } from "@/app/i18n";
import type { ViewRoute } from "@/app/types";

const modules = import.meta.glob<{ routes: ViewRoute[] }>("../views/*/routes.ts", { eager: true });

/*
 * A view whose code and words have been loaded is drawn at once. React's lazy() alone would suspend at least once, and what suspended
 * is not shown before 300 ms have passed.
 */
function withView(r: ViewRoute, folder: string) {
  let known: ComponentType | null = null;
  const load = async () => {
    const [m] = await Promise.all([r.lazy(), loadWords(r.words ?? [folder])]);
    known = m.default;
    return m;
  };
  const Lazy = lazy(load);
  const View = () => {
    const [Is] = useState<ComponentType>(() => known ?? Lazy);
    return <Is />;
  };
  return { ...r, id: `${r.parent ?? ""}:${r.path}`, load, View };
}

const all = Object.entries(modules).flatMap(([file, m]) => m.routes.map((r) => withView(r, file.split("/").at(-2)!)));

/** What the routes' loaders left, as if they had run: the first page does not wait for them, nor does a change of its search. */
export const loaded = Object.fromEntries(all.map((r) => [r.id, null]));

export type LoadedRoute = (typeof all)[number];

export const topRoutes = all.filter((r) => !r.parent);
export const dagRoutes = all.filter((r) => r.parent === "dag");
export const navRoutes = all.filter((r) => r.nav).sort((a, b) => a.nav!.order - b.nav!.order);
export const dagTabs = all.filter((r) => r.tab).sort((a, b) => a.tab!.order - b.tab!.order);
