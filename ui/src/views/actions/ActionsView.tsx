import { useTranslation } from "react-i18next";
import { Page } from "@/components/Page";
import { Actions } from "./Actions";

export default function ActionsView() {
  const { t } = useTranslation("actions");
  return <Page title={t("title")} description={t("about")}><Actions /></Page>;
}
