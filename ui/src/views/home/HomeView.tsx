import { Link } from "react-router-dom";
import { AlarmClock, Bell, CircleAlert, CircleCheckBig, FileWarning, Hourglass } from "lucide-react";
import type { LucideIcon } from "lucide-react";
import { useTranslation } from "react-i18next";
import { path } from "@/api/client";
import { stateColor } from "@/api/states";
import type { State } from "@/api/states";
import type { Attention, AttentionKind, HealthPart, Home } from "@/api/types";
import { useHome } from "@/app/useHome";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Page, Panel, Skeleton } from "@/components/Page";
import { StateDot } from "@/components/StateDot";
import { Duration, TimeText } from "@/components/TimeText";
import { cx } from "@/lib/cx";
import s from "./Home.module.css";

export default function HomeView() {
  const { t } = useTranslation("home");
  const { data, error, refetch } = useHome();
  return (
    <Page title={t("title")}>
      {error && !data ? (
        <ErrorState error={error} what={t("failed")} retry={refetch} />
      ) : (
        <>
          <Counts counts={data?.counts} />
          <div className={s.columns}>
            <div className={s.column}>
              <AttentionPanel items={data?.attention} />
              <RecentPanel runs={data?.recent} />
            </div>
            <div className={s.column}>
              <HealthPanel health={data?.health} />
              <NextPanel next={data?.next} />
            </div>
          </div>
        </>
      )}
    </Page>
  );
}

function Counts({ counts }: { counts: Home["counts"] | undefined }) {
  const { t } = useTranslation("home");
  const cells: { key: keyof Home["counts"]; state?: State; to: string }[] = [
    { key: "running", state: "running", to: "/runs?state=running" },
    { key: "queued", state: "queued", to: "/runs?state=queued" },
    { key: "failed_24h", state: "failed", to: "/runs?state=failed" },
    { key: "success_24h", state: "success", to: "/runs?state=success" },
    { key: "active_dags", to: "/dags?show=active" },
    { key: "paused", to: "/dags?show=paused" },
  ];
  return (
    <ul className={s.counts}>
      {cells.map(({ key, state, to }) => (
        <li key={key}>
          <Link to={to} className={s.count}>
            <span className={s.countName}>
              {state && <StateDot state={state} bare size={11} />}
              {t(`count.${key}`)}
            </span>
            <span className={cx(s.countNumber, "num")} style={key === "failed_24h" && counts?.[key] ? { color: "var(--danger-text)" } : undefined}>
              {counts ? counts[key].toLocaleString() : " "}
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

const KINDS: Record<AttentionKind, { icon: LucideIcon; tone: "bad" | "warn" | "info" }> = {
  failed_run: { icon: CircleAlert, tone: "bad" },
  import_error: { icon: FileWarning, tone: "bad" },
  stuck: { icon: Hourglass, tone: "warn" },
  late: { icon: AlarmClock, tone: "warn" },
  required_action: { icon: Bell, tone: "info" },
};

function attentionHref(a: Attention): string {
  if (a.kind === "import_error") return "/import-errors";
  if (a.kind === "required_action" && !a.run_id) return "/required-actions";
  if (a.dag_id && a.run_id && a.task_id) return path`/dags/${a.dag_id}/runs/${a.run_id}/tasks/${a.task_id}`;
  if (a.dag_id && a.run_id) return path`/dags/${a.dag_id}/runs/${a.run_id}`;
  return a.dag_id ? path`/dags/${a.dag_id}` : "/";
}

function AttentionPanel({ items }: { items: Attention[] | undefined }) {
  const { t } = useTranslation("home");
  return (
    <Panel title={<>{t("attention.title")}{items && items.length > 0 && <span className={cx(s.badge, "num")}>{items.length}</span>}</>} flush>
      {!items ? (
        <Skeleton rows={4} />
      ) : !items.length ? (
        <EmptyState icon={CircleCheckBig} title={t("attention.none")}>{t("attention.none_text")}</EmptyState>
      ) : (
        <ul>
          {items.map((a, i) => {
            const kind = KINDS[a.kind] ?? KINDS.stuck;
            const Icon = kind.icon;
            return (
              <li key={i}>
                <Link to={attentionHref(a)} className={s.line}>
                  <Icon size={16} aria-hidden className={s[kind.tone]} />
                  <span className={s.lineText}>
                    <span className={s.lineTitle}>
                      <b>{a.dag_id ?? t(`attention.${a.kind}`)}</b>
                      {a.task_id && <span className="muted"> / {a.task_id}</span>}
                      {a.dag_id && <span className={s.kind}>{t(`attention.${a.kind}`)}</span>}
                    </span>
                    <span className={s.lineMore}>{a.text}</span>
                  </span>
                  <span className={s.when}><TimeText time={a.since} empty="" /></span>
                </Link>
              </li>
            );
          })}
        </ul>
      )}
    </Panel>
  );
}

function RecentPanel({ runs }: { runs: Home["recent"] | undefined }) {
  const { t } = useTranslation("home");
  return (
    <Panel title={t("recent.title")} actions={<Link to="/runs">{t("recent.all")}</Link>} flush>
      {!runs ? (
        <Skeleton rows={6} />
      ) : !runs.length ? (
        <EmptyState title={t("recent.none")}>{t("recent.none_text")}</EmptyState>
      ) : (
        <ul>
          {runs.slice(0, RECENT).map((r) => (
            <li key={`${r.dag_id} ${r.run_id}`}>
              <Link to={path`/dags/${r.dag_id}/runs/${r.run_id}`} className={cx(s.line, s.compact)}>
                <StateDot state={r.state} />
                <span className={cx(s.lineText, s.oneLine)}><b>{r.dag_id}</b> <span className="muted">{r.run_id}</span></span>
                <span className={s.took}><Duration start={r.start_date} end={r.end_date} live={r.state === "running"} /></span>
                <span className={s.when}><TimeText time={r.end_date ?? r.start_date} /></span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

const RECENT = 12;
const GOOD = new Set(["healthy", "ok"]);

function HealthPanel({ health }: { health: Home["health"] | undefined }) {
  const { t, i18n } = useTranslation("home");
  const parts = Object.entries(health ?? {}).filter((e): e is [string, HealthPart] => typeof e[1] === "object" && e[1] !== null && "status" in e[1]);
  const message = typeof health?.message === "string" ? health.message : null;
  return (
    <Panel title={t("health.title")} flush>
      {!health ? (
        <Skeleton rows={4} />
      ) : (
        <ul>
          {parts.map(([name, part]) => {
            const good = GOOD.has(part.status ?? ""), beat = Object.entries(part).find(([k]) => k.startsWith("latest_"))?.[1];
            return (
              <li key={name} className={cx(s.line, s.compact)}>
                <StateDot state={good ? "success" : part.status ? "failed" : "none"} bare />
                <span className={cx(s.lineText, s.oneLine)}>{i18n.exists(`home:health.${name}`) ? t(`health.${name}`) : name}</span>
                <span className={s.when} style={good ? undefined : { color: "var(--danger-text)" }}>{t(`health.status_${part.status ?? "none"}`, { defaultValue: part.status ?? "" })}</span>
                {!good && part.message && <span className={s.health}>{part.message}</span>}
                {!good && !part.message && beat && <span className={s.health}>{t("health.last")} <TimeText time={beat} /></span>}
              </li>
            );
          })}
          {message && <li className={s.line}>{message}</li>}
        </ul>
      )}
    </Panel>
  );
}

function NextPanel({ next }: { next: Home["next"] | undefined }) {
  const { t } = useTranslation("home");
  return (
    <Panel title={t("next.title")} flush>
      {!next ? (
        <Skeleton rows={5} />
      ) : !next.length ? (
        <EmptyState title={t("next.none")}>{t("next.none_text")}</EmptyState>
      ) : (
        <ul>
          {next.map((n) => (
            <li key={n.dag_id}>
              <Link to={path`/dags/${n.dag_id}`} className={cx(s.line, s.compact)}>
                <span className={s.tick} style={{ background: stateColor("planned") }} aria-hidden />
                <span className={cx(s.lineText, s.oneLine)}><b>{n.dag_id}</b></span>
                <span className={s.when}><TimeText time={n.run_after} /></span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
