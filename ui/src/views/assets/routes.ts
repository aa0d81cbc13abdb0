import { Database } from "lucide-react";
import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/assets", lazy: () => import("./AssetsView"), nav: { key: "assets", icon: Database, section: "main", order: 40, hotkey: "a" } },
  { path: "/assets/graph", lazy: () => import("./AssetsGraph") },
  { path: "/assets/:asset", lazy: () => import("./AssetView") },
];
