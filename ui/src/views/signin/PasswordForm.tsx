import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/client";
import { useSignIn } from "@/api/session";
import { Button } from "@/components/Button";
import { ErrorState } from "@/components/ErrorState";
import { Field, Input } from "@/components/Form";
import s from "./SignIn.module.css";

export const PASSWORD_MIN = 8;

/** A new password. `known`: the old one, where it was typed a moment ago. */
export function PasswordForm({ known, submit, onDone }: { known?: string; submit: string; onDone?: () => void }) {
  const { t } = useTranslation("signin");
  const { changePassword } = useSignIn();
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const [tried, setTried] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const short = next.length < PASSWORD_MIN ? t("password_short", { n: PASSWORD_MIN }) : null;
  const differ = next !== again ? t("password_differs") : null;
  const go = async () => {
    setTried(true);
    if (short || differ || busy) return;
    setBusy(true);
    setError(null);
    try {
      await changePassword(known || old, next);
      onDone?.();
    } catch (e) {
      setError(e);
    } finally {
      setBusy(false);
    }
  };
  const wrong = error instanceof ApiError && error.status === 403;
  return (
    <form
      className={s.form}
      onSubmit={(e) => {
        e.preventDefault();
        void go();
      }}
    >
      {!known && (
        <Field label={t("password_old")} error={wrong ? t("password_wrong") : null}>
          {(p) => <Input {...p} type="password" autoComplete="current-password" required value={old} onChange={(e) => setOld(e.target.value)} data-autofocus />}
        </Field>
      )}
      <Field label={t("password_new")} hint={t("password_hint", { n: PASSWORD_MIN })} error={tried ? short : null}>
        {(p) => <Input {...p} name="new-password" type="password" autoComplete="new-password" required value={next} autoFocus={!!known} onChange={(e) => setNext(e.target.value)} />}
      </Field>
      <Field label={t("password_again")} error={tried && !short ? differ : null}>
        {(p) => <Input {...p} name="new-password-again" type="password" autoComplete="new-password" required value={again} onChange={(e) => setAgain(e.target.value)} />}
      </Field>
      {error !== null && !(wrong && !known) && <ErrorState error={error} inline />}
      <Button type="submit" kind="primary" busy={busy}>{submit}</Button>
    </form>
  );
}
