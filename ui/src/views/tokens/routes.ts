import { KeyRound } from "lucide-react";
import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/tokens", lazy: () => import("./TokensView"), nav: { key: "tokens", icon: KeyRound, section: "admin", order: 50 } },
];
