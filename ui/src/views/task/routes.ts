import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/dags/:dag/runs/:run/tasks/:task/*", lazy: () => import("./TaskView") },
];
