import { ScrollText } from "lucide-react";
import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/audit", lazy: () => import("./AuditView"), role: "admin", nav: { key: "audit", icon: ScrollText, section: "browse", order: 40 } },
];
