import { History } from "lucide-react";
import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/backfills", lazy: () => import("./BackfillsView"), nav: { key: "backfills", icon: History, section: "browse", order: 20, hotkey: "b" } },
  { path: "/backfills/:backfill", lazy: () => import("./BackfillView") },
  { parent: "dag", path: "backfills", lazy: () => import("./DagBackfills"), tab: { key: "backfills", order: 80 } },
];
