import { useQuery } from "@tanstack/react-query";
import { Blocks, Package } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { keys } from "@/api/keys";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Page, Panel, Skeleton } from "@/components/Page";

interface Named {
  name?: string;
  package_name?: string;
  version?: string;
  description?: string;
  source?: string;
  [more: string]: unknown;
}

/* What a plugin brings: each list that is not empty. */
function brings(p: Named): string {
  return Object.entries(p).filter(([, v]) => Array.isArray(v) && v.length).map(([k, v]) => `${k}: ${(v as unknown[]).map((x) => (typeof x === "string" ? x : ((x as Named)?.name ?? JSON.stringify(x)))).join(", ")}`).join(" · ");
}

function List({ kind, icon }: { kind: "plugins" | "providers"; icon: typeof Blocks }) {
  const { t } = useTranslation("plugins");
  const q = useQuery({ queryKey: keys.settings(kind), queryFn: () => api.get<Record<string, Named[]>>(`/api/v2/${kind}`, { query: { limit: 100 } }) });
  const rows = q.data?.[kind] ?? [];
  return (
    <Panel title={t(`${kind}.title`)} flush={rows.length > 0}>
      {q.error ? <ErrorState error={q.error} retry={q.refetch} inline /> : !q.data ? <Skeleton rows={3} />
        : !rows.length ? <EmptyState icon={icon} title={t(`${kind}.none`)}>{t(`${kind}.none_hint`)}</EmptyState>
        : (
          <table className="plain">
            <thead><tr><th scope="col">{t("name")}</th><th scope="col">{t("version")}</th><th scope="col">{t("about")}</th></tr></thead>
            <tbody>{rows.map((p, i) => <tr key={i}><td className="mono">{p.package_name ?? p.name}</td><td className="num">{p.version ?? p.source ?? "–"}</td><td className="muted">{p.description ?? brings(p)}</td></tr>)}</tbody>
          </table>
        )}
    </Panel>
  );
}

export default function PluginsView() {
  const { t } = useTranslation("plugins");
  return (
    <Page title={t("title")} description={t("intro")}>
      <List kind="plugins" icon={Blocks} />
      <List kind="providers" icon={Package} />
    </Page>
  );
}
