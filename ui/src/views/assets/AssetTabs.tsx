import { useTranslation } from "react-i18next";
import { LinkTabs } from "@/components/Tabs";

export function AssetTabs() {
  const { t } = useTranslation("assets");
  return <LinkTabs label={t("views")} tabs={[{ to: "/assets", label: t("list"), end: true }, { to: "/assets/graph", label: t("graph") }]} />;
}
