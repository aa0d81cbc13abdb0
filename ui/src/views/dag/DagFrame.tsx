import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { Link, Outlet, useNavigate, useParams } from "react-router-dom";
import { CalendarClock, Ellipsis, History, Pause, Play, Star, Trash2, User } from "lucide-react";
import { useTranslation } from "react-i18next";
import { ApiError, path } from "@/api/client";
import { useDag, useFavourite, usePause } from "@/api/dags";
import { useEvents } from "@/api/events";
import { useSession } from "@/api/session";
import type { DagDetails } from "@/api/types";
import { useCommands } from "@/app/commands";
import type { Command } from "@/app/commands";
import { dagTabs } from "@/app/routes";
import { DagZoneProvider } from "@/app/timezone";
import { setTitle } from "@/app/title";
import { Button, IconButton } from "@/components/Button";
import { ErrorState } from "@/components/ErrorState";
import { Switch } from "@/components/Form";
import { Menu } from "@/components/Menu";
import type { MenuItem } from "@/components/Menu";
import { LinkTabs } from "@/components/Tabs";
import { TagList } from "@/components/TagList";
import { TimeText } from "@/components/TimeText";
import { useHotkeys } from "@/lib/hotkeys";
import { NotFound } from "@/views/notfound/NotFound";
import s from "./DagFrame.module.css";

const TriggerDialog = lazy(() => import("@/dialogs/TriggerDialog").then((m) => ({ default: m.TriggerDialog })));

const BackfillDialog = lazy(() => import("@/dialogs/BackfillDialog").then((m) => ({ default: m.BackfillDialog })));
const DeleteDialog = lazy(() => import("@/dialogs/DeleteDialog").then((m) => ({ default: m.DeleteDialog })));

/** The id in the address of a DAG's page. */
export function useDagId(): string {
  return useParams().dag ?? "";
}

/** What all views of one DAG stand in: its name, whether it is active, what one can do with it, its tabs. */
export function DagFrame() {
  const { t } = useTranslation("dag");
  const id = useDagId();
  const dag = useDag(id);
  useEvents(useMemo(() => [`dag:${id}`], [id]));
  useEffect(() => setTitle(id), [id]);
  if (dag.error instanceof ApiError && dag.error.status === 404) return <NotFound />;
  return (
    <DagZoneProvider zone={dag.data?.timezone}>
      <div className={s.frame}>
        <header className={s.head}>
          <nav aria-label={t("breadcrumb")} className={s.crumb}><Link to="/dags">{t("common:nav.dags")}</Link></nav>
          <Heading id={id} dag={dag.data} />
          <Facts dag={dag.data} />
        </header>
        <LinkTabs label={t("common:dagtab.label")} tabs={dagTabs.map((r) => ({ to: path`/dags/${id}/` + r.path, label: t(`common:dagtab.${r.tab!.key}`), onNear: () => void r.load() }))} />
        <div className={s.body}>
          {dag.error && !dag.data ? <ErrorState error={dag.error} what={t("failed")} retry={dag.refetch} /> : <Outlet />}
        </div>
      </div>
    </DagZoneProvider>
  );
}

function Heading({ id, dag }: { id: string; dag: DagDetails | undefined }) {
  const { t } = useTranslation("dag");
  const { may } = useSession();
  const pause = usePause();
  const favourite = useFavourite();
  const [open, setOpen] = useState<"trigger" | "backfill" | "delete" | null>(null);
  const navigate = useNavigate();
  const paused = dag?.is_paused ?? false;
  const { mutate: setPaused } = pause;
  const mayWrite = may("user");
  const toggle = () => dag && mayWrite && setPaused({ dag: id, paused: !paused });
  useHotkeys({ p: toggle, t: () => mayWrite && setOpen("trigger") });
  const commands = useMemo<Command[]>(
    () => mayWrite ? [
      { id: "dag:trigger", label: t("trigger_of", { dag: id }), icon: Play, group: "DAG", keys: "t", run: () => setOpen("trigger") },
      { id: "dag:pause", label: t(paused ? "resume_of" : "pause_of", { dag: id }), icon: Pause, group: "DAG", keys: "p", run: () => setPaused({ dag: id, paused: !paused }) },
    ] : [],
    [mayWrite, t, id, paused, setPaused],
  );
  useCommands(commands);
  const close = () => setOpen(null);
  const more: MenuItem[] = [
    { label: t("backfill"), icon: History, onSelect: () => setOpen("backfill") },
    ...(may("op") ? [{ kind: "separator" as const }, { label: t("delete"), icon: Trash2, danger: true, onSelect: () => setOpen("delete") }] : []),
  ];
  return (
    <div className={s.heading}>
      <Switch checked={!paused && !!dag} disabled={!dag || !mayWrite} label={t(paused ? "resume_of" : "pause_of", { dag: id })} onChange={toggle} />
      <h1 className={s.title}>{id}</h1>
      <IconButton
        icon={Star} small filled={dag?.is_favorite} aria-pressed={!!dag?.is_favorite} className={dag?.is_favorite ? s.star : undefined}
        label={t(dag?.is_favorite ? "unfavourite" : "favourite")} disabled={!dag}
        onClick={() => favourite.mutate({ dag: id, favourite: !dag?.is_favorite })}
      />
      {dag?.is_paused && <span className={s.chip}>{t("paused")}</span>}
      {dag?.is_stale && <span className={s.chip} data-tip={t("stale_text")}>{t("stale")}</span>}
      {dag?.has_import_errors && <Link to="/import-errors" className={s.badChip}>{t("import_error")}</Link>}
      <div className={s.actions}>
        <Button kind="primary" icon={Play} disabled={!dag || !mayWrite} onClick={() => setOpen("trigger")}>{t("trigger")}</Button>
        {mayWrite && <Menu label={t("more")} items={more} align="end">{(p) => <IconButton {...p} icon={Ellipsis} label={t("more")} disabled={!dag} />}</Menu>}
      </div>
      {dag && open && (
        <Suspense fallback={null}>
          {open === "trigger" && <TriggerDialog dagId={id} onClose={close} />}
          {open === "backfill" && <BackfillDialog dagId={id} onClose={close} />}
          {open === "delete" && <DeleteDialog dagId={id} onDone={() => void navigate("/dags", { replace: true })} onClose={close} />}
        </Suspense>
      )}
    </div>
  );
}

function Facts({ dag }: { dag: DagDetails | undefined }) {
  const { t } = useTranslation("dag");
  return (
    <div className={s.facts}>
      {dag ? (
        <>
          <span className={s.fact}>
            <CalendarClock size={14} aria-hidden />
            {dag.timetable_summary ? <code>{dag.timetable_summary}</code> : t("no_schedule")}
            {dag.timezone && dag.timezone !== "UTC" && <span className="muted">{dag.timezone}</span>}
          </span>
          {!dag.is_paused && dag.next_dagrun_run_after && <span className={s.fact}><span className="muted">{t("next")}</span> <TimeText time={dag.next_dagrun_run_after} focusable /></span>}
          {dag.owners.length > 0 && <span className={s.fact}><User size={14} aria-hidden /><span className="sr-only">{t("owner")}</span>{dag.owners.join(", ")}</span>}
          <TagList tags={dag.tags.map((x) => x.name)} max={6} to={(tag) => `/dags?tag=${encodeURIComponent(tag)}`} />
          {dag.description && <p className={s.description}>{dag.description}</p>}
        </>
      ) : (
        <span>&nbsp;</span>
      )}
    </div>
  );
}
