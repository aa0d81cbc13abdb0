import { HeartPulse } from "lucide-react";
import type { ViewRoute } from "@/app/types";

/* /health is the server's own. */
export const routes: ViewRoute[] = [
  { path: "/status", lazy: () => import("./HealthView"), nav: { key: "health", icon: HeartPulse, section: "browse", order: 50 } },
];
