/* The server is gone while one looks: what stands on the page is old, and that is said, wherever one is. It lies above the page and moves nothing. */
import { WifiOff } from "lucide-react";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/client";
import { useTimezone } from "@/app/timezone";
import { useHome } from "@/app/useHome";
import s from "./Shell.module.css";

const GONE = 503; // or no answer at all, which has no number

export function Unreachable() {
  const { t } = useTranslation();
  const tz = useTimezone();
  const { data, error, dataUpdatedAt, refetch } = useHome();
  if (!data || !(error instanceof ApiError) || (error.status !== 0 && error.status < GONE)) return null;
  return (
    <div className={s.gone} role="status">
      <WifiOff size={15} aria-hidden />
      <span>{t("error.stale", { time: tz.exact(new Date(dataUpdatedAt).toISOString()) })}</span>
      <button type="button" onClick={() => void refetch()}>{t("retry")}</button>
    </div>
  );
}
