import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { parent: "dag", path: "grid", lazy: () => import("./GridView"), tab: { key: "grid", order: 10 } },
];
