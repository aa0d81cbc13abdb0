import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { parent: "dag", path: "process", lazy: () => import("./ProcessView"), tab: { key: "process", order: 70 } },
];
