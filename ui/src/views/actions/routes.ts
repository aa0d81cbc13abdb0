import { MessageCircleQuestion } from "lucide-react";
import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/required-actions", lazy: () => import("./ActionsView"), nav: { key: "required_actions", icon: MessageCircleQuestion, section: "browse", order: 10 } },
  { parent: "dag", path: "required-actions", lazy: () => import("./DagActions"), tab: { key: "required_actions", order: 90 } },
];
