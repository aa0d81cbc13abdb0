import { useRef, useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Braces, Download, EllipsisVertical, Pencil, Plus, Trash2, Upload } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, ApiError, path } from "@/api/client";
import { keys } from "@/api/keys";
import { Button, IconButton } from "@/components/Button";
import { Confirm } from "@/components/Confirm";
import { Dialog } from "@/components/Dialog";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Filters } from "@/components/Filters";
import { Checkbox, Field, Input, TextArea } from "@/components/Form";
import { Menu } from "@/components/Menu";
import { Page } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { Table } from "@/components/Table";
import type { Column } from "@/components/Table";
import { toast } from "@/components/Toast";
import { usePaged } from "@/lib/paged";
import { download, fromFile, MASK, toFile } from "./transfer";
import type { Imported, Variable } from "./transfer";

const URL_ = "/api/v2/variables";

export default function VariablesView() {
  const { t } = useTranslation("variables");
  const client = useQueryClient();
  const [search, setSearch] = useState("");
  const [edited, setEdited] = useState<Variable | "new" | null>(null);
  const [gone, setGone] = useState<Variable | null>(null);
  const [file, setFile] = useState<Imported[] | null>(null);
  const pick = useRef<HTMLInputElement>(null);
  const list = usePaged<Variable>(keys.settings("variables"), URL_, "variables", { variable_key_pattern: search && `%${search}%`, order_by: "variable_key" });
  const changed = () => client.invalidateQueries({ queryKey: keys.settings("variables") });
  const exportAll = async () => {
    try {
      const all: Variable[] = [];
      for (let more = true; more;) {
        const page = await api.get<{ variables: Variable[]; total_entries: number }>(URL_, { query: { limit: 100, offset: all.length } });
        all.push(...page.variables);
        more = page.variables.length > 0 && all.length < page.total_entries;
      }
      const out = toFile(all);
      download("variables.json", out.text);
      toast.done(out.left.length ? t("exported_without", { count: out.left.length }) : t("exported", { count: all.length }));
    } catch (e) {
      toast.error(e);
    }
  };
  const read = async (f: File | undefined) => {
    if (!f) return;
    try {
      setFile(fromFile(await f.text()));
    } catch {
      toast.error(new Error(t("import_wrong")), f.name);
    }
  };
  const columns: Column<Variable>[] = [
    { id: "key", header: t("key"), width: "minmax(9rem, 1fr)", narrow: "minmax(0, 1.6fr)", cell: (v) => <button type="button" className="mono linklike truncate" onClick={() => setEdited(v)}>{v.key}</button> },
    { id: "value", header: t("value"), width: "minmax(8rem, 2fr)", narrow: "minmax(0, 1fr)", cell: (v) => <span className={v.value === MASK ? "muted" : "mono"}>{v.value === MASK ? t("masked") : v.value}</span> },
    { id: "description", header: t("description"), hide: "narrow", width: "minmax(8rem, 1fr)", cell: (v) => <span className="muted">{v.description}</span> },
    {
      id: "actions", header: t("actions"), headerHidden: true, width: "4rem", align: "end", cell: (v) => (
        <span className="row-actions">
          <IconButton icon={Pencil} small label={t("edit", { key: v.key })} onClick={() => setEdited(v)} />
          <IconButton icon={Trash2} small label={t("delete", { key: v.key })} onClick={() => setGone(v)} />
        </span>
      ),
    },
  ];
  return (
    <Page title={t("title")} description={t("about")} actions={
      <>
        <Menu label={t("more")} align="end" items={[
          { label: t("import"), icon: Upload, onSelect: () => pick.current?.click() },
          { label: t("export"), icon: Download, onSelect: () => void exportAll() },
        ]}>{(p) => <IconButton {...p} icon={EllipsisVertical} label={t("more")} kind="plain" />}</Menu>
        <input ref={pick} type="file" accept="application/json,.json" hidden aria-label={t("import")} onChange={(e) => { void read(e.target.files?.[0]); e.target.value = ""; }} />
        <Button kind="primary" icon={Plus} onClick={() => setEdited("new")}>{t("new")}</Button>
      </>
    }>
      <Filters count={list.first ? undefined : t("count", { count: list.total })}><SearchField value={search} onChange={setSearch} label={t("search")} /></Filters>
      {list.error && !list.rows.length ? <ErrorState error={list.error} retry={list.refetch} /> : (
        <Table label={t("title")} columns={columns} rows={list.rows} rowKey={(v) => v.key} loading={list.loading} hasMore={list.hasMore} loadMore={list.loadMore}
          empty={search ? <EmptyState title={t("none_found")} /> : <EmptyState icon={Braces} title={t("none")} action={<Button icon={Plus} onClick={() => setEdited("new")}>{t("new")}</Button>}>{t("none_hint")}</EmptyState>} />
      )}
      {edited && <VariableDialog variable={edited === "new" ? null : edited} onClose={() => setEdited(null)} onDone={changed} />}
      {file && <ImportDialog list={file} onClose={() => setFile(null)} onDone={changed} />}
      {gone && (
        <Confirm open danger title={t("delete", { key: gone.key })} action={t("common:delete")} onClose={() => setGone(null)} onConfirm={async () => {
          await api.delete(path`/api/v2/variables/${gone.key}`);
          await changed();
          toast.done(t("deleted", { key: gone.key }));
        }}><p>{t("delete_about")}</p></Confirm>
      )}
    </Page>
  );
}

function isJson(text: string) {
  return /^\s*[[{]/.test(text);
}

function VariableDialog({ variable, onClose, onDone }: { variable: Variable | null; onClose: () => void; onDone: () => unknown }) {
  const { t } = useTranslation("variables");
  // A masked value was never sent here: it stays as it is unless another is written.
  const hidden = Boolean(variable?.value?.includes(MASK));
  const [key, setKey] = useState(variable?.key ?? "");
  const [value, setValue] = useState(hidden ? "" : (variable?.value ?? ""));
  const [about, setAbout] = useState(variable?.description ?? "");
  const [replace, setReplace] = useState(!hidden);
  let json: string | null = null;
  if (isJson(value)) {
    try {
      JSON.parse(value);
    } catch (e) {
      json = e instanceof Error ? e.message : "";
    }
  }
  const save = useMutation({
    mutationFn: () => {
      const body = { key: key.trim(), description: about, ...(replace && { value }) };
      return variable ? api.patch(path`/api/v2/variables/${variable.key}`, body, { query: { update_mask: replace ? ["value", "description"] : ["description"] } }) : api.post(URL_, body);
    },
    onSuccess: async () => {
      await onDone();
      toast.done(t("saved", { key: key.trim() }));
      onClose();
    },
  });
  return (
    <Dialog open onClose={onClose} title={variable ? t("edit", { key: variable.key }) : t("new")} locked={save.isPending} onSubmit={() => key.trim() && save.mutate()} footer={
      <><Button onClick={onClose}>{t("common:cancel")}</Button><Button type="submit" kind="primary" busy={save.isPending} disabled={!key.trim()}>{t(variable ? "common:save" : "common:create")}</Button></>
    }>
      {!variable && <Field label={t("key")} hint={t("key_hint")}>{(p) => <Input {...p} className="mono" data-autofocus value={key} maxLength={250} onChange={(e) => setKey(e.target.value)} />}</Field>}
      {hidden && <Checkbox label={t("replace")} hint={t("replace_hint")} checked={replace} onChange={(e) => setReplace(e.target.checked)} />}
      {replace && (
        <Field label={t("value")} hint={isJson(value) && json === null ? <button type="button" className="linklike" onClick={() => setValue(JSON.stringify(JSON.parse(value), null, 2))}>{t("format")}</button> : t("value_hint")} error={json !== null ? t("json_wrong", { why: json }) : null}>
          {(p) => <TextArea {...p} mono rows={isJson(value) ? 12 : 4} data-autofocus={variable ? true : undefined} value={value} onChange={(e) => setValue(e.target.value)} />}
        </Field>
      )}
      <Field label={t("description")} optional={t("common:optional")}>{(p) => <Input {...p} value={about} onChange={(e) => setAbout(e.target.value)} />}</Field>
      {save.error && <ErrorState error={save.error} inline />}
    </Dialog>
  );
}

function ImportDialog({ list, onClose, onDone }: { list: Imported[]; onClose: () => void; onDone: () => unknown }) {
  const { t } = useTranslation("variables");
  const [overwrite, setOverwrite] = useState(false);
  const run = useMutation({
    mutationFn: async () => {
      let set = 0, kept = 0;
      for (const v of list) {
        try {
          await api.post(URL_, v);
          set++;
        } catch (e) {
          if (!(e instanceof ApiError) || e.status !== 409) throw e;
          if (overwrite) {
            await api.patch(path`/api/v2/variables/${v.key}`, v, { query: { update_mask: v.description === undefined ? ["value"] : ["value", "description"] } });
            set++;
          } else kept++;
        }
      }
      return { set, kept };
    },
    onSuccess: ({ set, kept }) => {
      toast.done(kept ? t("imported_kept", { set, kept }) : t("imported", { count: set }));
      onClose();
    },
    onSettled: onDone,
  });
  return (
    <Dialog open onClose={onClose} title={t("import")} locked={run.isPending} onSubmit={() => list.length && run.mutate()} footer={
      <><Button onClick={onClose}>{t("common:cancel")}</Button><Button type="submit" kind="primary" busy={run.isPending} disabled={!list.length} data-autofocus>{t("import_action", { count: list.length })}</Button></>
    }>
      <p className="muted">{t("import_about")}</p>
      <ul className="mono" style={{ maxHeight: "16rem", overflow: "auto", margin: "var(--space-3) 0" }} tabIndex={0} aria-label={t("title")}>{list.map((v) => <li key={v.key} className="truncate">{v.key}</li>)}</ul>
      <Checkbox label={t("overwrite")} checked={overwrite} onChange={(e) => setOverwrite(e.target.checked)} />
      {run.error && <ErrorState error={run.error} inline />}
    </Dialog>
  );
}
