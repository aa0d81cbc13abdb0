import { useTranslation } from "react-i18next";
import { Dialog } from "@/components/Dialog";
import { toast } from "@/components/Toast";
import { PasswordForm } from "@/views/signin/PasswordForm";

export default function PasswordDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("signin");
  return (
    <Dialog open onClose={onClose} title={t("common:profile.password")} size="small">
      <PasswordForm
        submit={t("common:save")}
        onDone={() => {
          toast.done(t("password_saved"));
          onClose();
        }}
      />
    </Dialog>
  );
}
