import type { ViewRoute } from "@/app/types";
import { gridFilter, gridQuery } from "./query";

export const routes: ViewRoute[] = [
  {
    parent: "dag", path: "grid", lazy: () => import("./GridView"), words: ["grid", "task", "run"], tab: { key: "grid", order: 10 },
    data: (client, { dag }, search) => void client.prefetchQuery(gridQuery(dag!, gridFilter(search))),
  },
];
