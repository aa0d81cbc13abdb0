import type { ComponentType } from "react";
import type { LucideIcon } from "lucide-react";
import type { QueryClient } from "@tanstack/react-query";
import type { Role } from "@/api/session";

/** One address and its view. Each folder of views/ exports `routes` from its routes.ts; app/routes.tsx collects them. */
export interface ViewRoute {
  path: string; // below "/", or below "/dags/:dag" with parent "dag"
  lazy: () => Promise<{ default: ComponentType }>;
  words?: readonly string[]; // namespaces of words that it shows; that of its folder's name
  /** Begins to ask for its data, while its code is still on the way. */
  data?: (client: QueryClient, params: Readonly<Record<string, string | undefined>>, search: URLSearchParams) => void;
  parent?: "dag";
  role?: Role; // least role that sees it; viewer
  /** A line in the navigation. Its label is common.json's nav.<key>. */
  nav?: { key: string; icon: LucideIcon; section: "main" | "browse" | "admin"; order: number; hotkey?: string };
  /** A tab of the DAG's page. Its label is common.json's dagtab.<key>. */
  tab?: { key: string; order: number };
}
