/*
 * The table of routes: what each views/<view>/routes.ts exports. Those files are read at start, their views when they are first shown; so nothing
 * but icons and addresses may be imported there.
 */
import { lazy } from "react";
import type { ViewRoute } from "@/app/types";

const modules = import.meta.glob<{ routes: ViewRoute[] }>("../views/*/routes.ts", { eager: true });

const all: ViewRoute[] = Object.values(modules).flatMap((m) => m.routes);

const withView = (r: ViewRoute) => ({ ...r, View: lazy(r.lazy) });

export const topRoutes = all.filter((r) => !r.parent).map(withView);
export const dagRoutes = all.filter((r) => r.parent === "dag").map(withView);
export const navRoutes = all.filter((r) => r.nav).sort((a, b) => a.nav!.order - b.nav!.order);
export const dagTabs = all.filter((r) => r.tab).sort((a, b) => a.tab!.order - b.tab!.order);
