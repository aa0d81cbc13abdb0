import { Braces } from "lucide-react";
import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/variables", lazy: () => import("./VariablesView"), role: "op", nav: { key: "variables", icon: Braces, section: "admin", order: 10, hotkey: "v" } },
];
