import type { ViewRoute } from "@/app/types";

/* The index of a DAG's page is the first tab there is (DagIndex): the grid. */
export const routes: ViewRoute[] = [
  { parent: "dag", path: "", lazy: () => import("./DagIndex") },
  { parent: "dag", path: "runs", lazy: () => import("./RunsTab"), tab: { key: "runs", order: 50 } },
  { parent: "dag", path: "code", lazy: () => import("./CodeTab"), tab: { key: "code", order: 60 } },
  { parent: "dag", path: "details", lazy: () => import("./DetailsTab"), tab: { key: "details", order: 70 } },
];
