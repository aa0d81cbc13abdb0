import { Users } from "lucide-react";
import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/users", lazy: () => import("./UsersView"), role: "admin", nav: { key: "users", icon: Users, section: "admin", order: 40 } },
];
