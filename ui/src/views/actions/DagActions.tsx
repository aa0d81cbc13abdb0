import { useDagId } from "@/views/dag/DagFrame";
import { Actions } from "./Actions";

export default function DagActions() {
  return <Actions dagId={useDagId()} />;
}
