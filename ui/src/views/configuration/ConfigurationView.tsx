import { useMemo, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { keys } from "@/api/keys";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Filters } from "@/components/Filters";
import { Page, Panel, Skeleton } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { Segmented } from "@/components/Tabs";
import { matches } from "@/components/CommandPalette";
import { cx } from "@/lib/cx";
import s from "./configuration.module.css";

interface Setting {
  name: string;
  section: string;
  value: string | null;
  default: string | null;
  source: "default" | "file" | "environment" | "command";
  origin: string | null; // tradewind.yaml:3, TRADEWIND__CORE__PARALLELISM
  about: string | null;
  reload: boolean;
}

export default function ConfigurationView() {
  const { t } = useTranslation("configuration");
  const [search, setSearch] = useState("");
  const [which, setWhich] = useState<"all" | "set">("all");
  const q = useQuery({ queryKey: keys.settings("configuration"), queryFn: () => api.get<{ settings: Setting[] }>("/ui/config") });
  const sections = useMemo(() => {
    const map = new Map<string, Setting[]>();
    for (const one of q.data?.settings ?? []) {
      if (which === "set" && one.source === "default") continue;
      if (search && !matches(`${one.name} ${one.about ?? ""} ${one.value ?? ""}`, search)) continue;
      map.set(one.section, [...(map.get(one.section) ?? []), one]);
    }
    return [...map];
  }, [q.data, search, which]);
  const set = q.data?.settings.filter((x) => x.source !== "default").length ?? 0;
  return (
    <Page title={t("title")} description={t("about")}>
      <Filters count={q.data && t("count", { count: q.data.settings.length, set })}>
        <SearchField value={search} onChange={setSearch} label={t("search")} />
        <Segmented label={t("which")} value={which} onChange={setWhich} options={[{ value: "all", label: t("common:all") }, { value: "set", label: t("set") }]} />
      </Filters>
      {q.error ? <ErrorState error={q.error} retry={q.refetch} /> : !q.data ? <Panel><Skeleton rows={12} /></Panel>
        : !sections.length ? <EmptyState title={t("none")}>{which === "set" && t("none_set")}</EmptyState>
        : sections.map(([name, list]) => (
          <Panel key={name} title={<span className="mono">{name}</span>} flush>
            <dl className={s.list}>
              {list.map((one) => (
                <div key={one.name} className={cx(one.source !== "default" && s.set)}>
                  <dt><span className="mono">{one.name.slice(one.section.length + 1) || one.name}</span>{one.about && <span className={s.about}>{one.about}</span>}</dt>
                  <dd className="mono">{one.value === null || one.value === "" ? <span className="muted">–</span> : one.value}</dd>
                  <dd className={s.source}>
                    <span className={s.badge}>{t(`source.${one.source}`)}</span>
                    {one.origin && <span className="mono">{one.origin}</span>}
                    {one.source !== "default" && one.default !== null && one.default !== "" && <span>{t("default_is", { value: one.default })}</span>}
                    {!one.reload && one.source !== "default" && <span>{t("restart")}</span>}
                  </dd>
                </div>
              ))}
            </dl>
          </Panel>
        ))}
    </Page>
  );
}
