import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { parent: "dag", path: "gantt", lazy: () => import("./GanttView"), tab: { key: "gantt", order: 30 } },
];
