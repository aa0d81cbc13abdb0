import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { parent: "dag", path: "graph", lazy: () => import("./GraphView"), tab: { key: "graph", order: 20 } },
];
