import { lazy, Suspense, useState } from "react";
import { ChevronsUpDown, KeyRound, LogOut } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useSession, useSignIn } from "@/api/session";
import { LANGUAGES, setLanguage } from "@/app/i18n";
import type { Language } from "@/app/i18n";
import { useTheme } from "@/app/theme";
import type { Theme } from "@/app/theme";
import { useTimezone } from "@/app/timezone";
import type { ZoneChoice } from "@/app/timezone";
import { Menu } from "@/components/Menu";
import type { MenuItem } from "@/components/Menu";
import { toast } from "@/components/Toast";
import s from "./ProfileMenu.module.css";

const PasswordDialog = lazy(() => import("@/views/signin/PasswordDialog"));

export function ProfileMenu() {
  const { t, i18n } = useTranslation();
  const { session } = useSession();
  const { signOut } = useSignIn();
  const { theme, setTheme } = useTheme();
  const tz = useTimezone();
  const [password, setPassword] = useState(false);
  const user = session.user;
  if (!user) return null;
  const items: MenuItem[] = [
    { kind: "label", label: t("profile.theme") },
    ...(["system", "light", "dark"] as Theme[]).map((v) => ({ kind: "radio" as const, label: t(`profile.theme_${v}`), checked: theme === v, onSelect: () => setTheme(v) })),
    { kind: "separator" },
    { kind: "label", label: t("profile.language") },
    ...Object.entries(LANGUAGES).map(([v, label]) => ({ kind: "radio" as const, label, checked: i18n.language === v, onSelect: () => void setLanguage(v as Language) })),
    { kind: "separator" },
    { kind: "label", label: t("profile.timezone") },
    ...(["local", "utc", "dag"] as ZoneChoice[]).map((v) => ({ kind: "radio" as const, label: t(`profile.timezone_${v}`), checked: tz.choice === v, onSelect: () => tz.setZone(v) })),
    { kind: "separator" },
    ...(session.auth.password ? [{ label: t("profile.password"), icon: KeyRound, onSelect: () => setPassword(true) }] : []),
    { label: t("profile.sign_out"), icon: LogOut, onSelect: () => void signOut().catch((e: unknown) => toast.error(e)) },
  ];
  return (
    <>
    {password && <Suspense fallback={null}><PasswordDialog onClose={() => setPassword(false)} /></Suspense>}
    <Menu
      items={items}
      label={t("profile.title")}
      header={<><p className={s.name}>{user.name}</p><p className="muted">{t(`role.${user.role}`)} · Tradewind {session.version}</p></>}
    >
      {(p) => (
        <button type="button" {...p} className={s.button}>
          <span className={s.avatar} data-letter={user.name.slice(0, 1).toUpperCase()} aria-hidden />
          <span className="sr-only">{t("profile.title")}: </span>
          <span className="truncate">{user.name}</span>
          <ChevronsUpDown size={13} aria-hidden className={s.more} />
        </button>
      )}
    </Menu>
    </>
  );
}
