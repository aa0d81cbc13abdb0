import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { parent: "dag", path: "durations", lazy: () => import("./DurationsView"), tab: { key: "durations", order: 45 } },
];
