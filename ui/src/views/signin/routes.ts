import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/login", lazy: () => import("./LoginView") },
];
