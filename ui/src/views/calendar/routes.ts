import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { parent: "dag", path: "calendar", lazy: () => import("./CalendarView"), tab: { key: "calendar", order: 40 } },
];
