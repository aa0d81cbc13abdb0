import { useTranslation } from "react-i18next";
import { Page } from "@/components/Page";

export default function HomeView() {
  const { t } = useTranslation("home");
  return <Page title={t("title")}><span /></Page>;
}
