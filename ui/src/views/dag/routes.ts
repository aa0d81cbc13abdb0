import type { ViewRoute } from "@/app/types";

/* The index of a DAG's page is the first tab there is (DagIndex): the grid. */
export const routes: ViewRoute[] = [
  { parent: "dag", path: "", lazy: () => import("./DagIndex") },
];
