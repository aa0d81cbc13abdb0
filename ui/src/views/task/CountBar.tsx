import { useTranslation } from "react-i18next";
import { StateDot } from "@/components/StateDot";
import { shares } from "@/views/grid/decode";
import s from "./Task.module.css";

/** How many are in which state: a bar, and the words. With onPick the words are buttons that choose a state. */
export function CountBar({ counts, picked, onPick }: { counts: Record<string, number> | undefined; picked?: string | null; onPick?: (state: string | null) => void }) {
  const { t } = useTranslation();
  const parts = shares(counts);
  if (!parts.length) return null;
  return (
    <div className={s.counts}>
      <div className={s.countBar} aria-hidden>{parts.map((p) => <span key={p.state} style={{ flexGrow: p.n, background: `var(--s-${p.state})` }} />)}</div>
      <ul className={s.countList}>
        {parts.map((p) => (
          <li key={p.state}>
            {onPick ? (
              <button type="button" aria-pressed={picked === p.state} className={s.countButton} onClick={() => onPick(picked === p.state ? null : p.state)}>
                <StateDot state={p.state} bare /> {t(`state.${p.state}`)} <b className="num">{p.n}</b>
              </button>
            ) : <><StateDot state={p.state} bare /> {t(`state.${p.state}`)} <b className="num">{p.n}</b></>}
          </li>
        ))}
      </ul>
    </div>
  );
}
