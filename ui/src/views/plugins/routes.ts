import { Blocks } from "lucide-react";
import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/plugins", lazy: () => import("./PluginsView"), nav: { key: "plugins", icon: Blocks, section: "admin", order: 70 } },
  { path: "/providers", lazy: () => import("./PluginsView") },
];
