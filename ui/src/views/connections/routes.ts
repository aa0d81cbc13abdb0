import { Cable } from "lucide-react";
import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/connections", lazy: () => import("./ConnectionsView"), role: "op", nav: { key: "connections", icon: Cable, section: "admin", order: 20, hotkey: "c" } },
];
