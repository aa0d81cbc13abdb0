import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSignIn } from "@/api/session";
import { Button } from "@/components/Button";
import { ErrorState } from "@/components/ErrorState";
import { Field, Input } from "@/components/Form";

export function SignIn() {
  const { t } = useTranslation("signin");
  const { signIn } = useSignIn();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<unknown>(null);
  return (
    <main>
      <form onSubmit={(e) => { e.preventDefault(); signIn(name, password).catch(setError); }}>
        <Field label={t("name")}>{(p) => <Input {...p} autoComplete="username" value={name} onChange={(e) => setName(e.target.value)} />}</Field>
        <Field label={t("password")}>{(p) => <Input {...p} type="password" autoComplete="current-password" value={password} onChange={(e) => setPassword(e.target.value)} />}</Field>
        {error !== null && <ErrorState error={error} inline />}
        <Button type="submit" kind="primary">{t("sign_in")}</Button>
      </form>
    </main>
  );
}
