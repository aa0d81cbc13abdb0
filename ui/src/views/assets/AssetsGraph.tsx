import { useMemo } from "react";
import { useQuery } from "@tanstack/react-query";
import { Database, Link2, Workflow } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router-dom";
import { api, path } from "@/api/client";
import { useLive } from "@/api/events";
import { keys } from "@/api/keys";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Page, Panel, Skeleton } from "@/components/Page";
import { PlacedGraph } from "@/components/PlacedGraph";
import type { PlacedNode } from "@/components/PlacedGraph";
import { AssetTabs } from "./AssetTabs";
import s from "./assets.module.css";

interface GraphNode {
  id: string;
  kind: "dag" | "asset" | "alias";
  label: string;
  x: number;
  y: number;
  w: number;
  h: number;
}

const icons = { dag: Workflow, asset: Database, alias: Link2 };

function hrefOf(n: GraphNode): string | null {
  if (n.kind === "dag") return path`/dags/${n.label}`;
  return n.kind === "asset" ? path`/assets?q=${n.label}` : null;
}

export default function AssetsGraph() {
  const { t } = useTranslation("assets");
  const q = useQuery({ queryKey: [...keys.assets, "graph"], queryFn: () => api.get<{ nodes: GraphNode[]; edges: { from: string; to: string; points?: [number, number][] }[] }>("/ui/assets/graph"), refetchInterval: useLive() });
  const nodes = useMemo<PlacedNode[]>(() => (q.data?.nodes ?? []).map((n) => {
    const Icon = icons[n.kind] ?? Database, href = hrefOf(n);
    return {
      ...n, className: n.kind === "dag" ? s.dag : n.kind === "asset" ? s.asset : s.alias, label: `${t(`kind.${n.kind}`)}: ${n.label}`,
      content: <><Icon size={14} aria-hidden className={s.icon} />{href ? <Link to={href} className="truncate">{n.label}</Link> : <span className="truncate">{n.label}</span>}</>,
    };
  }), [q.data, t]);
  return (
    <Page title={t("graph_title")} heading={t("title")} description={t("about")} wide>
      <AssetTabs />
      {q.error ? <ErrorState error={q.error} retry={q.refetch} /> : !q.data ? <Panel><Skeleton rows={8} /></Panel>
        : !nodes.length ? <EmptyState icon={Database} title={t("none")}>{t("none_hint")}</EmptyState>
        : <PlacedGraph label={t("graph_title")} nodes={nodes} edges={q.data.edges} height="calc(100dvh - 13rem)" />}
    </Page>
  );
}
