import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { CopyButton } from "@/components/CopyButton";
import { Dialog } from "@/components/Dialog";
import s from "./Once.module.css";

/** A secret that is shown this one time. Only its button closes it. */
export function Once({ title, text, secret, onClose }: { title: string; text: string; secret: string; onClose: () => void }) {
  const { t } = useTranslation("users");
  return (
    <Dialog open size="small" title={title} locked onClose={onClose} footer={<Button kind="primary" onClick={onClose}>{t("once_done")}</Button>}>
      <p>{text}</p>
      <div className={s.secret}><code data-testid="secret">{secret}</code><CopyButton text={secret} /></div>
      <p className="muted">{t("once")}</p>
    </Dialog>
  );
}
