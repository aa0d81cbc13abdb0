import { useEffect, useId, useRef } from "react";
import type { ReactNode } from "react";
import { X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { IconButton } from "@/components/Button";
import { cx } from "@/lib/cx";
import s from "./Dialog.module.css";

interface Props {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  children: ReactNode;
  footer?: ReactNode; // buttons, the primary one last
  size?: "small" | "medium" | "large";
  onSubmit?: () => void; // the dialog is a form then: Enter submits
  hideTitle?: boolean;
  top?: boolean; // near the top: its height changes while one types
  locked?: boolean; // Esc and a press beside it do not close: something is at work
}

/** A modal dialog: the browser's own, which keeps the focus inside, closes by Esc, and gives the focus back. */
export function Dialog(props: Props) {
  return props.open ? <Open {...props} /> : null;
}

function Open({ onClose, title, children, footer, size = "medium", onSubmit, hideTitle, locked, top }: Props) {
  const { t } = useTranslation();
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current!;
    const before = document.activeElement as HTMLElement | null;
    if (!dialog.open) dialog.showModal();
    (dialog.querySelector<HTMLElement>("[data-autofocus]") ?? dialog).focus();
    return () => {
      dialog.close();
      if (before?.isConnected) before.focus();
    };
  }, []);
  const body = (
    <>
      <header className={cx(s.head, hideTitle && "sr-only")}>
        <h2 id={id}>{title}</h2>
        <IconButton icon={X} label={t("close")} onClick={onClose} disabled={locked} />
      </header>
      <div className={s.body}>{children}</div>
      {footer && <footer className={s.foot}>{footer}</footer>}
    </>
  );
  return (
    <dialog
      ref={ref}
      tabIndex={-1}
      className={cx(s.dialog, s[size], top && s.top)}
      aria-labelledby={id}
      onCancel={(e) => {
        e.preventDefault();
        if (!locked) onClose();
      }}
      onMouseDown={(e) => {
        if (e.target === e.currentTarget && !locked) onClose();
      }}
    >
      {onSubmit ? (
        <form
          className={s.panel}
          onSubmit={(e) => {
            e.preventDefault();
            e.stopPropagation();
            onSubmit();
          }}
        >
          {body}
        </form>
      ) : (
        <div className={s.panel}>{body}</div>
      )}
    </dialog>
  );
}
