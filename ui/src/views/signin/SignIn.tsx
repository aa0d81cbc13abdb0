import { useEffect, useState } from "react";
import { TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/client";
import { useSession, useSignIn } from "@/api/session";
import { LANGUAGES, setLanguage } from "@/app/i18n";
import type { Language } from "@/app/i18n";
import { setTitle } from "@/app/title";
import { Button } from "@/components/Button";
import { ErrorState } from "@/components/ErrorState";
import { Field, Input, Select } from "@/components/Form";
import { Words } from "@/components/Words";
import { nextOf, outcomeOf } from "@/views/signin/back";
import { PasswordForm } from "@/views/signin/PasswordForm";
import s from "./SignIn.module.css";

/** Before anything else: who are you. A first password (made by the program) must be changed before the page opens. */
export function SignIn() {
  const { t, i18n } = useTranslation("signin");
  const { session } = useSession();
  const { signOut } = useSignIn();
  const [typed, setTyped] = useState("");
  const first = session.user?.first_password === true;
  const title = first ? t("first.title") : t("title");
  useEffect(() => setTitle(title), [title]);
  return (
    <main className={s.screen}>
      <div className={s.card}>
        <img src="/icon.svg" alt="" width={36} height={36} />
        <h1>{title}</h1>
        {first ? (
          <>
            <p className="muted">{t("first.text", { name: session.user!.name })}</p>
            <PasswordForm known={typed} submit={t("first.submit")} />
            <Button kind="ghost" onClick={() => void signOut()}>{t("common:profile.sign_out")}</Button>
          </>
        ) : (
          <Methods onTyped={setTyped} />
        )}
      </div>
      <div className={s.language}>
        <Select aria-label={t("common:profile.language")} value={i18n.language} onChange={(e) => void setLanguage(e.target.value as Language)}>
          {Object.entries(LANGUAGES).map(([v, label]) => <option key={v} value={v}>{label}</option>)}
        </Select>
      </div>
    </main>
  );
}

function Methods({ onTyped }: { onTyped: (password: string) => void }) {
  const { t } = useTranslation("signin");
  const { session } = useSession();
  const { signIn } = useSignIn();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const submit = async () => {
    setBusy(true);
    setError(null);
    try {
      onTyped(password);
      await signIn(name, password);
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  const wrong = error instanceof ApiError && error.status === 401;
  const outcome = outcomeOf(location);
  return (
    <>
      {outcome && error === null && <p className={s.outcome} role="alert"><TriangleAlert size={16} aria-hidden /><span>{t(`outcome.${outcome}`, { name: session.auth.oidc?.name ?? t("provider") })}</span></p>}
      {session.auth.password && (
        <form
          className={s.form}
          onSubmit={(e) => {
            e.preventDefault();
            if (!busy) void submit();
          }}
        >
          <Field label={t("name")}>
            {(p) => <Input {...p} name="username" autoComplete="username" autoCapitalize="none" required autoFocus value={name} onChange={(e) => setName(e.target.value)} />}
          </Field>
          <Field label={t("password")} error={wrong ? t("wrong") : null}>
            {(p) => <Input {...p} name="password" type="password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.target.value)} />}
          </Field>
          {error !== null && !wrong && <ErrorState error={error} inline />}
          <Button type="submit" kind="primary" busy={busy}>{t("submit")}</Button>
        </form>
      )}
      {session.auth.oidc && (
        <>
          {session.auth.password && <p className={s.or}><span>{t("or")}</span></p>}
          <a className={s.oidc} href={`/ui/oidc/start?next=${encodeURIComponent(nextOf(location))}`}>{t("oidc", { name: session.auth.oidc.name })}</a>
        </>
      )}
      {session.auth.password && <p className={s.help}><Words text={t("help")} /></p>}
    </>
  );
}
