import { Layers } from "lucide-react";
import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/pools", lazy: () => import("./PoolsView"), nav: { key: "pools", icon: Layers, section: "admin", order: 30 } },
];
