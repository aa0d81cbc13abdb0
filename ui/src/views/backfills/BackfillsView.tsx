import { useState } from "react";
import { Plus } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router-dom";
import { path } from "@/api/client";
import { useSession } from "@/api/session";
import { Button } from "@/components/Button";
import { Filters } from "@/components/Filters";
import { Page } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { BackfillDialog } from "@/dialogs";
import { BackfillList } from "./BackfillList";

export default function BackfillsView() {
  const { t } = useTranslation("backfills");
  const { may } = useSession();
  const navigate = useNavigate();
  const [search, setSearch] = useState("");
  const [open, setOpen] = useState(false);
  return (
    <Page title={t("title")} description={t("about")} actions={may("user") && <Button kind="primary" icon={Plus} onClick={() => setOpen(true)}>{t("new")}</Button>}>
      <Filters><SearchField value={search} onChange={setSearch} label={t("search")} /></Filters>
      <BackfillList search={search} />
      {open && <BackfillDialog onClose={() => setOpen(false)} onDone={(id) => navigate(path`/backfills/${id}`)} />}
    </Page>
  );
}
