import { House } from "lucide-react";
import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/", lazy: () => import("./HomeView"), nav: { key: "home", icon: House, section: "main", order: 10, hotkey: "h" } },
];
