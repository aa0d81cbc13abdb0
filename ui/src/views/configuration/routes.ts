import { SlidersHorizontal } from "lucide-react";
import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/configuration", lazy: () => import("./ConfigurationView"), role: "admin", nav: { key: "configuration", icon: SlidersHorizontal, section: "admin", order: 60 } },
];
