import { BookOpen } from "lucide-react";
import type { ViewRoute } from "@/app/types";
import { descriptionQuery } from "./query";

export const routes: ViewRoute[] = [
  {
    path: "/docs", lazy: () => import("./ApiDocsView"), nav: { key: "apidocs", icon: BookOpen, section: "browse", order: 60, hotkey: "i" },
    data: (client) => void client.prefetchQuery(descriptionQuery),
  },
];
