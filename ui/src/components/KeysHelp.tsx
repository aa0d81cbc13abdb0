import { useTranslation } from "react-i18next";
import { navRoutes } from "@/app/routes";
import { Dialog } from "@/components/Dialog";
import { keyLabel } from "@/lib/hotkeys";
import s from "./KeysHelp.module.css";

function Keys({ of }: { of: string }) {
  return <span className={s.keys}>{keyLabel(of).map((k, i) => <kbd key={i}>{k}</kbd>)}</span>;
}

/** The page's keys, on "?". A view's own keys stand in common.json under keys.view. */
export function KeysHelp({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const general: [string, string][] = [
    ["mod+k", t("palette.title")], ["/", t("keys.search")], ["?", t("keys.title")], ["escape", t("keys.close")],
  ];
  const lists: [string, string][] = [["j", t("keys.next")], ["k", t("keys.previous")], ["o", t("keys.open")], ["p", t("keys.pause")], ["s", t("keys.favourite")]];
  const groups: [string, [string, string][]][] = [
    [t("keys.general"), general],
    [t("keys.lists"), lists],
    [t("keys.go"), navRoutes.filter((r) => r.nav!.hotkey).map((r) => [`g ${r.nav!.hotkey}`, t(`nav.${r.nav!.key}`)])],
  ];
  return (
    <Dialog open={open} onClose={onClose} title={t("keys.title")}>
      <div className={s.groups}>
        {groups.map(([name, list]) => (
          <section key={name}>
            <h3>{name}</h3>
            <dl>{list.map(([key, what]) => <div key={key}><dt>{what}</dt><dd><Keys of={key} /></dd></div>)}</dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
