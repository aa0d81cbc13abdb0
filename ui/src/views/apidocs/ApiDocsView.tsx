import { useEffect, useMemo, useRef, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { useLocation, useNavigate } from "react-router-dom";
import { useTranslation } from "react-i18next";
import { matches } from "@/components/CommandPalette";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Filters } from "@/components/Filters";
import { Select } from "@/components/Form";
import { Page, Panel, Skeleton } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { Words } from "@/components/Words";
import { useHotkeys } from "@/lib/hotkeys";
import { groupsOf } from "./model";
import { OperationView } from "./OperationView";
import { descriptionQuery } from "./query";
import s from "./apidocs.module.css";

const anchor = (tag: string) => `tag-${tag.replace(/\W+/g, "-")}`;

/* j and k go from line to line; Enter opens, as a button does. */
function step(by: number) {
  const lines = [...document.querySelectorAll<HTMLElement>(`main article > h3 > button`)];
  const at = lines.findIndex((b) => b === document.activeElement || b.closest("article")!.contains(document.activeElement));
  lines[Math.max(0, Math.min(lines.length - 1, at + by))]?.focus();
}

/** /docs: what api/openapi.yaml says, to be read. */
export default function ApiDocsView() {
  const { t } = useTranslation("apidocs");
  const navigate = useNavigate();
  const { hash } = useLocation();
  const [search, setSearch] = useState("");
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const q = useQuery(descriptionQuery);
  const all = useMemo(() => (q.data ? groupsOf(q.data) : []), [q.data]);
  const shown = useMemo(
    () => all.map((g) => ({ ...g, operations: search ? g.operations.filter((o) => matches(o.text, search)) : g.operations })).filter((g) => g.operations.length),
    [all, search],
  );
  const count = shown.reduce((n, g) => n + g.operations.length, 0);
  useHotkeys({ j: () => step(1), k: () => step(-1) });

  // An address with an operation's name opens it, wherever one comes from; a press on its line only writes the address.
  const written = useRef("");
  useEffect(() => {
    const id = decodeURIComponent(hash.slice(1));
    if (!id || !all.length || hash === written.current) return;
    written.current = "";
    if (all.some((g) => g.operations.some((o) => o.operationId === id))) setOpen((was) => new Set(was).add(id));
    setSearch("");
    window.requestAnimationFrame(() => {
      const at = document.getElementById(id);
      at?.scrollIntoView({ block: "start" });
      at?.querySelector<HTMLElement>("h3 > button")?.focus({ preventScroll: true });
    });
  }, [hash, all]);

  const toggle = (id: string) => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
    written.current = next.has(id) ? `#${id}` : "";
    navigate({ hash: written.current }, { replace: true });
  };

  return (
    <Page title={t("title")} description={t("about")} actions={<><a href="/openapi.yaml">openapi.yaml</a><a href="/openapi.json">openapi.json</a></>}>
      {q.error ? <ErrorState error={q.error} retry={q.refetch} /> : !q.data ? <Panel><Skeleton rows={12} /></Panel> : (
        <>
          <p className={s.intro}><Words text={q.data.info.description ?? ""} /></p>
          <Filters count={t("count", { count })}>
            <SearchField value={search} onChange={setSearch} label={t("search")} />
            <Select className={s.jump} aria-label={t("groups")} value="" onChange={(e) => navigate({ hash: anchor(e.target.value) })}>
              <option value="" disabled>{t("groups")}</option>
              {shown.map((g) => <option key={g.tag} value={g.tag}>{g.tag}</option>)}
            </Select>
          </Filters>
          <div className={s.columns}>
            <nav className={s.groups} aria-label={t("groups")}>
              <ul>{shown.map((g) => <li key={g.tag}><a href={`#${anchor(g.tag)}`}><span>{g.tag}</span><span className="num">{g.operations.length}</span></a></li>)}</ul>
            </nav>
            <div className={s.list}>
              {!count && <EmptyState title={t("none")} />}
              {shown.map((g) => (
                <div key={g.tag} id={anchor(g.tag)} className={s.group}>
                  <Panel title={<>{g.tag} {g.description && <span className={s.groupAbout}>{g.description}</span>}</>} flush>
                    {g.operations.map((o) => <OperationView key={o.operationId} d={q.data} op={o} open={open.has(o.operationId)} onToggle={() => toggle(o.operationId)} />)}
                  </Panel>
                </div>
              ))}
            </div>
          </div>
        </>
      )}
    </Page>
  );
}
