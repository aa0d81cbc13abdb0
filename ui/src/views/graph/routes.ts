import type { ViewRoute } from "@/app/types";
import { prefetchGraph } from "./query";

export const routes: ViewRoute[] = [
  {
    parent: "dag", path: "graph", lazy: () => import("./GraphView"), words: ["graph", "task", "run"], tab: { key: "graph", order: 20 },
    data: (client, { dag }, search) => void prefetchGraph(client, dag!, search),
  },
];
