import { Navigate, useLocation } from "react-router-dom";
import { dagTabs } from "@/app/routes";

/** The first tab there is, with what the address chose on it: /dags/X?task=T. */
export default function DagIndex() {
  const { search, hash } = useLocation();
  return <Navigate to={{ pathname: dagTabs[0]?.path ?? "details", search, hash }} replace />;
}
