import { Ban, CircleCheck, CirclePause, LoaderCircle } from "lucide-react";
import { useTranslation } from "react-i18next";
import { cx } from "@/lib/cx";
import type { Phase } from "./types";
import s from "./backfills.module.css";

const icons = { running: LoaderCircle, paused: CirclePause, completed: CircleCheck, cancelled: Ban };

export function PhaseBadge({ phase }: { phase: Phase }) {
  const { t } = useTranslation("backfills");
  const Icon = icons[phase];
  return <span className={cx(s.phase, s[phase])}><Icon size={12} aria-hidden />{t(`phase.${phase}`)}</span>;
}
