import { useDagId } from "@/views/dag/DagFrame";
import { RunsTable } from "@/views/runs/RunsTable";

export default function RunsTab() {
  return <RunsTable dag={useDagId()} />;
}
