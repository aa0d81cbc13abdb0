import { Workflow } from "lucide-react";
import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/dags", lazy: () => import("./DagsView"), nav: { key: "dags", icon: Workflow, section: "main", order: 20, hotkey: "d" } },
];
