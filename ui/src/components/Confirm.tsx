import { useState } from "react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { ErrorState } from "@/components/ErrorState";

interface Props {
  open: boolean;
  onClose: () => void;
  title: string;
  children?: ReactNode; // what will happen, in words
  action: string; // "Delete", never "OK"
  danger?: boolean;
  ready?: boolean; // false: something is still to be written
  onConfirm: () => Promise<unknown> | void; // the dialog closes when it has succeeded, and says why when not
}

export function Confirm({ open, onClose, title, children, action, danger, ready = true, onConfirm }: Props) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const close = () => {
    setError(null);
    onClose();
  };
  const go = async () => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      close();
    } catch (e) {
      setError(e);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      open={open}
      onClose={close}
      title={title}
      size="small"
      locked={busy}
      onSubmit={() => ready && !busy && void go()}
      footer={
        <>
          <Button onClick={close} disabled={busy}>{t("cancel")}</Button>
          <Button type="submit" kind={danger ? "danger" : "primary"} busy={busy} disabled={!ready} data-autofocus>{action}</Button>
        </>
      }
    >
      {children}
      {error !== null && <ErrorState error={error} inline />}
    </Dialog>
  );
}
