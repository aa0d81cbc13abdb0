import { FileWarning } from "lucide-react";
import type { ViewRoute } from "@/app/types";

export const routes: ViewRoute[] = [
  { path: "/import-errors", lazy: () => import("./ImportErrorsView"), nav: { key: "import_errors", icon: FileWarning, section: "browse", order: 30 } },
];
