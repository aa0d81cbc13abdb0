import { useTranslation } from "react-i18next";
import { stateColor } from "@/api/states";
import { progressOf } from "./types";
import type { Backfill } from "./types";
import s from "./backfills.module.css";

const ORDER = ["success", "failed", "running", "queued", "left"] as const;

/** Its runs as one bar by state. */
export function Progress({ backfill: b, large }: { backfill: Backfill; large?: boolean }) {
  const { t } = useTranslation("backfills");
  const { done, total } = progressOf(b);
  const word = (k: string) => (k === "left" ? t("left") : t(`common:state.${k}`));
  const text = [...ORDER.filter((k) => b.counts[k]).map((k) => `${word(k)} ${b.counts[k]}`), t("of", { done, total })].join(" · ");
  return (
    <div className={large ? s.large : s.progress}>
      <div className={s.track} role="img" aria-label={text} data-tip={text}>
        {ORDER.map((k) => b.counts[k] ? <span key={k} style={{ width: `${(100 * b.counts[k]) / Math.max(total, 1)}%`, background: k === "left" ? "var(--s-removed)" : stateColor(k) }} /> : null)}
      </div>
      <span className="num muted">{done} / {total}</span>
    </div>
  );
}
