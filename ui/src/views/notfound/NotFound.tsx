import { Compass } from "lucide-react";
import { useTranslation } from "react-i18next";
import { ButtonLink } from "@/components/Button";
import { EmptyState } from "@/components/EmptyState";
import { Page } from "@/components/Page";

export function NotFound() {
  const { t } = useTranslation();
  return (
    <Page title={t("notfound.title")}>
      <EmptyState icon={Compass} title={t("notfound.text")} action={<ButtonLink to="/">{t("notfound.home")}</ButtonLink>}>
        <code>{location.pathname}</code>
      </EmptyState>
    </Page>
  );
}
