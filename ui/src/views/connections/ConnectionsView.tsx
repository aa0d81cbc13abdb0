import { useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Cable, CircleCheck, CircleX, Pencil, PlugZap, Plus, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, ApiError, path } from "@/api/client";
import { keys } from "@/api/keys";
import { Button, IconButton } from "@/components/Button";
import { Confirm } from "@/components/Confirm";
import { Dialog } from "@/components/Dialog";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Filters } from "@/components/Filters";
import { Field, FieldRow, Input, Select, TextArea } from "@/components/Form";
import { Page } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { Table } from "@/components/Table";
import type { Column } from "@/components/Table";
import { toast } from "@/components/Toast";
import { cx } from "@/lib/cx";
import { usePaged } from "@/lib/paged";
import { addressOf, TYPES, typeName } from "./types";
import type { Connection, Part } from "./types";
import s from "./connections.module.css";

const URL_ = "/api/v2/connections";
const MASK = "***";

export default function ConnectionsView() {
  const { t } = useTranslation("connections");
  const client = useQueryClient();
  const [search, setSearch] = useState("");
  const [edited, setEdited] = useState<Connection | "new" | null>(null);
  const [gone, setGone] = useState<Connection | null>(null);
  const list = usePaged<Connection>(keys.settings("connections"), URL_, "connections", { connection_id_pattern: search && `%${search}%`, order_by: "connection_id" });
  const changed = () => client.invalidateQueries({ queryKey: keys.settings("connections") });
  const columns: Column<Connection>[] = [
    { id: "id", header: t("id"), width: "minmax(9rem, 1.2fr)", cell: (c) => <button type="button" className="mono linklike truncate" onClick={() => setEdited(c)}>{c.connection_id}</button> },
    { id: "type", header: t("type"), width: "minmax(6rem, 0.7fr)", cell: (c) => typeName(c.conn_type) },
    { id: "address", header: t("address"), width: "minmax(8rem, 1.6fr)", hide: "narrow", cell: (c) => <span className="mono">{addressOf(c)}</span> },
    { id: "description", header: t("description"), width: "minmax(8rem, 1.4fr)", hide: "medium", cell: (c) => <span className="muted">{c.description}</span> },
    {
      id: "actions", header: t("actions"), headerHidden: true, width: "4rem", align: "end", cell: (c) => (
        <span className="row-actions">
          <IconButton icon={Pencil} small label={t("edit", { id: c.connection_id })} onClick={() => setEdited(c)} />
          <IconButton icon={Trash2} small label={t("delete", { id: c.connection_id })} onClick={() => setGone(c)} />
        </span>
      ),
    },
  ];
  return (
    <Page title={t("title")} description={t("about")} actions={<Button kind="primary" icon={Plus} onClick={() => setEdited("new")}>{t("new")}</Button>}>
      <Filters count={list.first ? undefined : t("count", { count: list.total })}><SearchField value={search} onChange={setSearch} label={t("search")} /></Filters>
      {list.error && !list.rows.length ? <ErrorState error={list.error} retry={list.refetch} /> : (
        <Table label={t("title")} columns={columns} rows={list.rows} rowKey={(c) => c.connection_id} loading={list.loading} hasMore={list.hasMore} loadMore={list.loadMore}
          empty={search ? <EmptyState title={t("none_found")} /> : <EmptyState icon={Cable} title={t("none")} action={<Button icon={Plus} onClick={() => setEdited("new")}>{t("new")}</Button>}>{t("none_hint")}</EmptyState>} />
      )}
      {edited && <ConnectionDialog connection={edited === "new" ? null : edited} onClose={() => setEdited(null)} onDone={changed} />}
      {gone && (
        <Confirm open danger title={t("delete", { id: gone.connection_id })} action={t("common:delete")} onClose={() => setGone(null)} onConfirm={async () => {
          await api.delete(path`/api/v2/connections/${gone.connection_id}`);
          await changed();
          toast.done(t("deleted", { id: gone.connection_id }));
        }}><p>{t("delete_about")}</p></Confirm>
      )}
    </Page>
  );
}

interface TestResult {
  status: boolean;
  message: string;
}

function ConnectionDialog({ connection: c, onClose, onDone }: { connection: Connection | null; onClose: () => void; onDone: () => unknown }) {
  const { t } = useTranslation("connections");
  const [id, setId] = useState(c?.connection_id ?? "");
  const [type, setType] = useState(c?.conn_type ?? "postgres");
  const [about, setAbout] = useState(c?.description ?? "");
  const [values, setValues] = useState<Record<Part, string>>({
    host: c?.host ?? "", port: c?.port !== null && c?.port !== undefined ? String(c.port) : "", schema: c?.schema ?? "", login: c?.login ?? "", password: "",
  });
  const [forget, setForget] = useState(false);
  const [extra, setExtra] = useState(c?.extra ?? "");
  const kind = TYPES[type];
  const custom = kind === undefined;
  let extraError: string | null = null;
  if (extra.trim()) {
    try {
      const v: unknown = JSON.parse(extra);
      if (typeof v !== "object" || v === null || Array.isArray(v)) extraError = t("extra_object");
    } catch (e) {
      extraError = t("extra_wrong", { why: e instanceof Error ? e.message : "" });
    }
  }
  const port = values.port.trim();
  const portError = port && (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65535) ? t("port_wrong") : null;
  const ready = id.trim() && type.trim() && !extraError && !portError;
  // Of what it had, the password is sent back as its mask: that means "as it is".
  const had = Boolean(c?.password);
  const body = () => ({
    connection_id: id.trim(), conn_type: type.trim(), description: about || null, host: values.host || null, schema: values.schema || null, login: values.login || null,
    port: port ? Number(port) : null, password: values.password ? values.password : had && !forget ? MASK : null, extra: extra.trim() || null,
  });
  const save = useMutation({
    mutationFn: () => (c ? api.patch(path`/api/v2/connections/${c.connection_id}`, body()) : api.post(URL_, body())),
    onSuccess: async () => {
      await onDone();
      toast.done(t("saved", { id: id.trim() }));
      onClose();
    },
  });
  const test = useMutation({ mutationFn: () => api.post<TestResult>("/api/v2/connections/test", body()) });
  const set = (part: Part) => (e: { target: { value: string } }) => {
    setValues((v) => ({ ...v, [part]: e.target.value }));
    test.reset();
  };
  const has = (part: Part) => !kind?.hide?.includes(part) || Boolean(values[part]);
  const label = (part: Part) => t(`label.${kind?.labels?.[part] ?? part}`);
  return (
    <Dialog open onClose={onClose} title={c ? t("edit", { id: c.connection_id }) : t("new")} locked={save.isPending} onSubmit={() => ready && save.mutate()} footer={
      <>
        <Button icon={PlugZap} className={s.test} busy={test.isPending} disabled={!ready} onClick={() => test.mutate()}>{t("test")}</Button>
        <Button onClick={onClose}>{t("common:cancel")}</Button>
        <Button type="submit" kind="primary" busy={save.isPending} disabled={!ready}>{t(c ? "common:save" : "common:create")}</Button>
      </>
    }>
      <FieldRow>
        {!c && <Field label={t("id")}>{(p) => <Input {...p} className="mono" data-autofocus value={id} maxLength={200} onChange={(e) => setId(e.target.value)} />}</Field>}
        <Field label={t("type")}>
          {(p) => (
            <Select {...p} value={custom ? "" : type} onChange={(e) => { setType(e.target.value); test.reset(); }}>
              {Object.entries(TYPES).map(([v, k]) => <option key={v} value={v}>{k.name}</option>)}
              <option value="">{t("other")}</option>
            </Select>
          )}
        </Field>
        {custom && <Field label={t("other_type")}>{(p) => <Input {...p} className="mono" value={type} onChange={(e) => setType(e.target.value)} />}</Field>}
      </FieldRow>
      <Field label={t("description")} optional={t("common:optional")}>{(p) => <Input {...p} value={about} onChange={(e) => setAbout(e.target.value)} />}</Field>
      {(has("host") || has("port")) && (
        <FieldRow>
          {has("host") && <Field label={label("host")}>{(p) => <Input {...p} className="mono" value={values.host} onChange={set("host")} />}</Field>}
          {has("port") && <Field label={label("port")} error={portError}>{(p) => <Input {...p} inputMode="numeric" className="mono" placeholder={kind?.port ? String(kind.port) : ""} value={values.port} onChange={set("port")} />}</Field>}
        </FieldRow>
      )}
      {has("schema") && <Field label={label("schema")}>{(p) => <Input {...p} className="mono" value={values.schema} onChange={set("schema")} />}</Field>}
      {(has("login") || has("password")) && (
        <FieldRow>
          {has("login") && <Field label={label("login")}>{(p) => <Input {...p} className="mono" value={values.login} onChange={set("login")} />}</Field>}
          {has("password") && (
            <Field label={label("password")} hint={had ? <>{t("password_kept")} <button type="button" className="linklike" onClick={() => setForget(!forget)}>{t(forget ? "password_keep" : "password_forget")}</button></> : undefined}>
              {(p) => <Input {...p} type="password" autoComplete="new-password" placeholder={had && !forget ? "••••••" : ""} value={values.password} onChange={set("password")} />}
            </Field>
          )}
        </FieldRow>
      )}
      <Field label={t("extra")} error={extraError} hint={kind?.extra ? t("extra_usual", { names: kind.extra.join(", ") }) : t("extra_hint")} optional={t("common:optional")}>
        {(p) => <TextArea {...p} mono rows={extra.includes("\n") ? 8 : 3} value={extra} placeholder="{}" onChange={(e) => { setExtra(e.target.value); test.reset(); }} />}
      </Field>
      {test.data && (
        <div className={cx(s.result, test.data.status ? s.good : s.bad)} role="status">
          {test.data.status ? <CircleCheck size={16} aria-hidden /> : <CircleX size={16} aria-hidden />}
          <div><strong>{t(test.data.status ? "works" : "fails")}</strong><p>{test.data.message}</p></div>
        </div>
      )}
      {test.error && (test.error instanceof ApiError && [403, 404, 405, 501].includes(test.error.status)
        ? <div className={cx(s.result, s.bad)} role="status"><CircleX size={16} aria-hidden /><div><strong>{t("test_off")}</strong><p>{test.error.message || t("test_off_hint")}</p></div></div>
        : <ErrorState error={test.error} inline />)}
      {save.error && <ErrorState error={save.error} inline />}
    </Dialog>
  );
}
