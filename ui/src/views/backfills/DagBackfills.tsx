import { useState } from "react";
import { Plus } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useSession } from "@/api/session";
import { Button } from "@/components/Button";
import { Filters } from "@/components/Filters";
import { BackfillDialog } from "@/dialogs";
import { useDagId } from "@/views/dag/DagFrame";
import { BackfillList } from "./BackfillList";

export default function DagBackfills() {
  const { t } = useTranslation("backfills");
  const { may } = useSession();
  const dag = useDagId();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Filters><p className="muted">{t("about")}</p>{may("user") && <Button icon={Plus} onClick={() => setOpen(true)}>{t("new")}</Button>}</Filters>
      <BackfillList dagId={dag} />
      {open && <BackfillDialog dagId={dag} onClose={() => setOpen(false)} />}
    </>
  );
}
