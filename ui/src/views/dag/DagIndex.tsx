import { Navigate } from "react-router-dom";
import { dagTabs } from "@/app/routes";

export default function DagIndex() {
  return <Navigate to={dagTabs[0]?.path ?? "details"} replace />;
}
