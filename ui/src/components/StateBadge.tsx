import { useTranslation } from "react-i18next";
import { stateOf } from "@/api/states";
import { StateDot } from "@/components/StateDot";
import s from "./State.module.css";

/** A state as its mark and its word. */
export function StateBadge({ state, count }: { state: string | null | undefined; count?: number }) {
  const { t } = useTranslation();
  const st = stateOf(state);
  return (
    <span className={s.badge} style={{ color: `var(--s-${st}-fg)`, background: `var(--s-${st}-bg)` }}>
      <StateDot state={st} size={11} bare />
      {count !== undefined && <span className="num">{count}</span>}
      {t(`state.${st}`)}
    </span>
  );
}
