import { ListVideo } from "lucide-react";
import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/runs", lazy: () => import("./RunsView"), nav: { key: "runs", icon: ListVideo, section: "main", order: 30, hotkey: "r" } },
];
