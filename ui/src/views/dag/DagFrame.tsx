import { Outlet, useParams } from "react-router-dom";
import { useTranslation } from "react-i18next";
import { useDag } from "@/api/dags";
import { useEvents } from "@/api/events";
import { dagTabs } from "@/app/routes";
import { DagZoneProvider } from "@/app/timezone";
import { ErrorState } from "@/components/ErrorState";
import { Page } from "@/components/Page";
import { LinkTabs } from "@/components/Tabs";
import { path } from "@/api/client";

/** The id in the address of a DAG's page. */
export function useDagId(): string {
  return useParams().dag ?? "";
}

export function DagFrame() {
  const { t } = useTranslation();
  const id = useDagId();
  const dag = useDag(id);
  useEvents([`dag:${id}`]);
  return (
    <DagZoneProvider zone={dag.data?.timezone}>
      <Page title={id} wide>
        <LinkTabs label={t("dagtab.label")} tabs={dagTabs.map((r) => ({ to: path`/dags/${id}/` + r.path, label: t(`dagtab.${r.tab!.key}`) }))} />
        {dag.error && !dag.data ? <ErrorState error={dag.error} retry={dag.refetch} /> : <Outlet />}
      </Page>
    </DagZoneProvider>
  );
}
