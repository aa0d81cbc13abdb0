import { useEffect, useMemo, useRef, useState } from "react";
import { NavLink, Outlet, useLocation, useNavigate } from "react-router-dom";
import { useQueryClient } from "@tanstack/react-query";
import { CircleHelp, Menu as MenuIcon, Search, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useEventInvalidation } from "@/api/events";
import { useSession } from "@/api/session";
import { useCommands } from "@/app/commands";
import type { Command } from "@/app/commands";
import { navRoutes } from "@/app/routes";
import { setFailures } from "@/app/title";
import { useHome } from "@/app/useHome";
import { Unreachable } from "@/app/Unreachable";
import { ProfileMenu } from "@/app/ProfileMenu";
import { IconButton } from "@/components/Button";
import { CommandPalette } from "@/components/CommandPalette";
import { KeysHelp } from "@/components/KeysHelp";
import { cx } from "@/lib/cx";
import { keyLabel, useHotkeys } from "@/lib/hotkeys";
import s from "./Shell.module.css";

function Logo() {
  return (
    <NavLink to="/" className={s.logo} end>
      <img src="/icon.svg" alt="" width={22} height={22} />
      Tradewind
    </NavLink>
  );
}

export function Shell() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const { may } = useSession();
  const [drawer, setDrawer] = useState(false);
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const main = useRef<HTMLElement>(null);
  useEventInvalidation(useQueryClient());
  const home = useHome();
  const counts = home.data?.counts;
  const failed = home.data?.attention.filter((a) => a.kind === "failed_run").length ?? 0;
  useEffect(() => setFailures(failed), [failed]);
  useEffect(() => () => setFailures(0), []);

  const visible = useMemo(() => navRoutes.filter((r) => may(r.role ?? "viewer")), [may]);
  const go = (path: string) => () => navigate(path);
  useHotkeys({
    "mod+k": () => setPalette(true),
    "?": () => setHelp(true),
    "/": () => {
      const field = document.querySelector<HTMLInputElement>("main input[type=search]");
      if (field) field.focus();
      else setPalette(true);
    },
    ...Object.fromEntries(visible.filter((r) => r.nav!.hotkey).map((r) => [`g ${r.nav!.hotkey}`, go(r.path)])),
  });
  const commands = useMemo<Command[]>(
    () => visible.map((r) => ({
      id: `nav:${r.nav!.key}`, label: t(`nav.${r.nav!.key}`), icon: r.nav!.icon, group: t("palette.pages"),
      keys: r.nav!.hotkey && `g ${r.nav!.hotkey}`, run: () => navigate(r.path),
    })),
    [visible, t, navigate],
  );
  useCommands(commands, true);

  // A new page begins at its top, and is told to those who hear it.
  const first = useRef(true);
  useEffect(() => {
    setDrawer(false);
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [pathname]);

  const badge: Record<string, number | undefined> = {
    required_actions: counts?.required_actions, import_errors: counts?.import_errors,
  };

  return (
    <div className={s.shell}>
      <a href="#main" className={s.skip}>{t("skip")}</a>
      <header className={s.top}>
        <IconButton icon={drawer ? X : MenuIcon} label={t("menu")} aria-expanded={drawer} aria-controls="nav" onClick={() => setDrawer(!drawer)} />
        <Logo />
        <IconButton icon={Search} label={t("palette.title")} onClick={() => setPalette(true)} />
      </header>
      {drawer && <div className={s.scrim} onClick={() => setDrawer(false)} />}
      <nav id="nav" aria-label={t("navigation")} className={cx(s.nav, drawer && s.open)} onKeyDown={(e) => e.key === "Escape" && setDrawer(false)}>
        <div className={s.brand}><Logo /></div>
        <button type="button" className={s.find} onClick={() => setPalette(true)}>
          <Search size={14} aria-hidden />
          <span>{t("palette.open")}</span>
          <span className={s.keys} aria-hidden>{keyLabel("mod+k").map((k) => <kbd key={k}>{k}</kbd>)}</span>
        </button>
        <div className={s.links}>
          {(["main", "browse", "admin"] as const).map((section) => {
            const list = visible.filter((r) => r.nav!.section === section);
            if (!list.length) return null;
            return (
              <div key={section} className={s.section}>
                {section !== "main" && <p className={s.sectionName}>{t(`nav.section_${section}`)}</p>}
                <ul>
                  {list.map((r) => {
                    const Icon = r.nav!.icon, n = badge[r.nav!.key];
                    return (
                      <li key={r.path}>
                        <NavLink to={r.path} end={r.path === "/"} onPointerEnter={() => void r.load()} onFocus={() => void r.load()} className={({ isActive }) => cx(s.link, isActive && s.current)}>
                          <Icon size={16} aria-hidden />
                          <span>{t(`nav.${r.nav!.key}`)}</span>
                          {n ? <span className={cx(s.count, "num")}>{n}</span> : null}
                        </NavLink>
                      </li>
                    );
                  })}
                </ul>
              </div>
            );
          })}
        </div>
        <div className={s.bottom}>
          <ProfileMenu />
          <IconButton icon={CircleHelp} label={t("keys.title")} hotkey="?" onClick={() => setHelp(true)} />
        </div>
      </nav>
      <main id="main" ref={main} tabIndex={-1} className={s.main}>
        <Outlet />
      </main>
      <Unreachable />
      <CommandPalette open={palette} onClose={() => setPalette(false)} />
      <KeysHelp open={help} onClose={() => setHelp(false)} />
    </div>
  );
}
