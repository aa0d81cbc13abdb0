import { useTranslation } from "react-i18next";
import { Page } from "@/components/Page";
import { RunsTable } from "@/views/runs/RunsTable";

export default function RunsView() {
  const { t } = useTranslation("runs");
  return (
    <Page title={t("title")}>
      <RunsTable />
    </Page>
  );
}
