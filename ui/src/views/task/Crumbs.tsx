import { Link } from "react-router-dom";
import { useTranslation } from "react-i18next";
import { path } from "@/api/client";
import { runHref } from "@/api/runs";
import s from "./Task.module.css";

/** Where one is: the DAG, its run, the task. The last is the heading. */
export function Crumbs({ dag, run, task, index }: { dag: string; run: string; task?: string; index?: number }) {
  const { t } = useTranslation("task");
  return (
    <span className={s.crumbs}>
      <Link to={path`/dags/${dag}`}>{dag}</Link>
      <span aria-hidden>/</span>
      {task === undefined ? <span className={s.run}>{run}</span> : <Link to={runHref(dag, run)} className={s.run}>{run}</Link>}
      {task !== undefined && <><span aria-hidden>/</span><span>{task}</span></>}
      {index !== undefined && index >= 0 && <span className="muted">{t("instance", { n: index })}</span>}
    </span>
  );
}
