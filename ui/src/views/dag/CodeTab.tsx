import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router-dom";
import { api, path } from "@/api/client";
import { keys } from "@/api/keys";
import type { DagVersion } from "@/api/types";
import { CodeView } from "@/components/CodeView";
import { DiffView } from "@/components/DiffView";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Select } from "@/components/Form";
import { Panel, Skeleton } from "@/components/Page";
import { TimeText } from "@/components/TimeText";
import { syntaxOf } from "@/lib/highlight";
import { useDag } from "@/api/dags";
import { useTimezone } from "@/app/timezone";
import { useDagId } from "@/views/dag/DagFrame";
import s from "./CodeTab.module.css";

interface DiffFile {
  name: string;
  from: string | null;
  to: string | null;
}

/** The sources of a version, and what changed since another one. Both stand in the address. */
export default function CodeTab() {
  const { t } = useTranslation("dag");
  const id = useDagId();
  const dag = useDag(id);
  const tz = useTimezone();
  const [params, setParams] = useSearchParams();
  const versions = useQuery({
    queryKey: keys.dagPart(id, "versions"),
    queryFn: () => api.get<{ dag_versions: DagVersion[] }>(path`/api/v2/dags/${id}/dagVersions`, { query: { order_by: "-version_number", limit: 100 } }),
  });
  const list = [...(versions.data?.dag_versions ?? [])].sort((a, b) => b.version_number - a.version_number);
  const newest = list[0]?.version_number;
  const version = Number(params.get("version")) || newest;
  const since = Number(params.get("since")) || 0;
  const set = (name: string, value: string) =>
    setParams((old) => {
      const next = new URLSearchParams(old);
      if (value) next.set(name, value);
      else next.delete(name);
      return next;
    }, { replace: true });

  if (versions.error) return <ErrorState error={versions.error} what={t("code.failed")} retry={versions.refetch} />;
  if (versions.isPending) return <Panel flush><Skeleton rows={8} /></Panel>;
  if (version === undefined) return <Panel><EmptyState title={t("code.none")} /></Panel>;
  const current = list.find((v) => v.version_number === version);
  const name = (v: DagVersion) => t("code.version", { n: v.version_number, when: tz.short(v.created_at) });
  return (
    <>
      <div className={s.bar}>
        <label className={s.choice}>
          <span>{t("code.shown")}</span>
          <Select value={version} onChange={(e) => set("version", Number(e.target.value) === newest ? "" : e.target.value)}>
            {list.map((v) => <option key={v.id} value={v.version_number}>{name(v)}</option>)}
          </Select>
        </label>
        {list.length > 1 && (
          <label className={s.choice}>
            <span>{t("code.since")}</span>
            <Select value={since || ""} onChange={(e) => set("since", e.target.value)}>
              <option value="">{t("code.no_comparison")}</option>
              {list.filter((v) => v.version_number !== version).map((v) => <option key={v.id} value={v.version_number}>{name(v)}</option>)}
            </Select>
          </label>
        )}
        {current && <span className={s.made}>{t("code.made")} <TimeText time={current.created_at} focusable />{current.bundle_version && <> · <code>{current.bundle_version.slice(0, 12)}</code></>}</span>}
      </div>
      {since ? <Changes dag={id} from={since} to={version} /> : <Source dag={id} version={version} file={dag.data?.relative_fileloc ?? dag.data?.fileloc ?? ""} />}
    </>
  );
}

/* A document is kept in one line: for people it is laid out. */
function readable(content: string): { text: string; json: boolean } {
  if (content.startsWith("{")) {
    try {
      return { text: JSON.stringify(JSON.parse(content), null, 2), json: true };
    } catch {
      // It is what it is.
    }
  }
  return { text: content, json: false };
}

function Source({ dag, version, file }: { dag: string; version: number; file: string }) {
  const { t } = useTranslation("dag");
  const source = useQuery({
    queryKey: keys.dagPart(dag, "source", version),
    queryFn: () => api.get<{ content: string }>(path`/api/v2/dagSources/${dag}`, { query: { version_number: version } }),
    staleTime: Infinity,
  });
  if (source.error) return <ErrorState error={source.error} what={t("code.failed")} retry={source.refetch} />;
  if (!source.data) return <Panel flush><Skeleton rows={10} /></Panel>;
  const { text, json } = readable(source.data.content);
  return (
    <Panel title={<span className="mono">{file || dag}</span>} flush>
      <CodeView text={text} syntax={json ? "json" : syntaxOf(file)} label={t("code.label", { file: file || dag })} />
    </Panel>
  );
}

function Changes({ dag, from, to }: { dag: string; from: number; to: number }) {
  const { t } = useTranslation("dag");
  const changes = useQuery({
    queryKey: keys.dagPart(dag, "diff", from, to),
    queryFn: () => api.get<{ files: DiffFile[] }>(path`/ui/dags/${dag}/versions/diff`, { query: { from, to } }),
    staleTime: Infinity,
  });
  if (changes.error) return <ErrorState error={changes.error} what={t("code.diff_failed")} retry={changes.refetch} />;
  if (!changes.data) return <Panel flush><Skeleton rows={10} /></Panel>;
  const files = changes.data.files.filter((f) => f.from !== f.to);
  if (!files.length) return <Panel><EmptyState title={t("code.no_change", { from, to })} /></Panel>;
  return (
    <>
      {files.map((f) => (
        <Panel key={f.name} title={<span className="mono">{f.name}</span>} flush>
          <DiffView from={readable(f.from ?? "").text} to={readable(f.to ?? "").text} label={t("code.diff_label", { file: f.name, from, to })} />
        </Panel>
      ))}
    </>
  );
}
