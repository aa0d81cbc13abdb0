import { useTranslation } from "react-i18next";
import { Page } from "@/components/Page";

export default function DagsView() {
  const { t } = useTranslation("dags");
  return <Page title={t("title")}><span /></Page>;
}
