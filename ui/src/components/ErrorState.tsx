import { Lock, TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/client";
import { Button } from "@/components/Button";
import { Words } from "@/components/Words";
import { cx } from "@/lib/cx";
import s from "./States.module.css";

interface Props {
  error: unknown;
  what?: string; // "The DAGs cannot be shown"
  retry?: () => unknown;
  inline?: boolean; // one line within a form or a panel
}

/** What is wrong and what helps, by the kind of failure. */
export function useErrorText(error: unknown): { text: string; remedy: string; request?: string } {
  const { t } = useTranslation();
  if (error instanceof ApiError) {
    const kind =
      error.status === 0 ? "network" : error.status === 503 ? "busy" : error.status >= 500 ? "server"
      : [401, 403, 404, 409, 413, 422].includes(error.status) ? String(error.status) : "request";
    // Whose limits are tags has done nothing wrong: it is said what he sees, and where.
    if (error.status === 403 && /limited to the DAGs/.test(error.message)) return { text: t("error.tags.text"), remedy: t("error.tags.remedy"), request: error.requestId };
    return { text: error.message || t(`error.${kind}.text`), remedy: t(`error.${kind}.remedy`), request: error.requestId };
  }
  return { text: error instanceof Error ? error.message : String(error), remedy: t("error.page.remedy") };
}

export function ErrorState({ error, what, retry, inline }: Props) {
  const { t } = useTranslation();
  const { text, remedy, request } = useErrorText(error);
  if (error instanceof ApiError && error.status === 403) {
    return (
      <div className={cx(s.state, s.closed, inline && s.inline)} role="status">
        <Lock size={inline ? 15 : 20} aria-hidden className={s.emptyIcon} />
        <div className={s.words}>
          <p className={s.title}><Words text={text} /></p>
          <p className="muted"><Words text={remedy} /></p>
        </div>
      </div>
    );
  }
  return (
    <div className={cx(s.state, s.error, inline && s.inline)} role="alert">
      <TriangleAlert size={inline ? 15 : 20} aria-hidden className={s.errorIcon} />
      <div className={s.words}>
        <p className={s.title}><Words text={what ?? text} /></p>
        {what && text !== what && <p><Words text={text} /></p>}
        <p className="muted"><Words text={remedy} /></p>
        {!inline && request && <p className={cx("muted", s.request)}>{t("error.id", { id: request })}</p>}
      </div>
      {retry && <Button small onClick={() => void retry()}>{t("retry")}</Button>}
    </div>
  );
}
