import { useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Ban, KeyRound, Plus } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, path } from "@/api/client";
import { keys } from "@/api/keys";
import { roleOf, useSession } from "@/api/session";
import type { Role } from "@/api/session";
import { Button, IconButton } from "@/components/Button";
import { Confirm } from "@/components/Confirm";
import { Dialog } from "@/components/Dialog";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Field, FieldRow, Input, Select } from "@/components/Form";
import { Once } from "@/components/Once";
import { Page } from "@/components/Page";
import { Table } from "@/components/Table";
import type { Column } from "@/components/Table";
import { TagList } from "@/components/TagList";
import { TagsField, tagsOf } from "@/components/TagsField";
import { TimeText } from "@/components/TimeText";
import { toast } from "@/components/Toast";
import { usePaged } from "@/lib/paged";

interface Token {
  id: string;
  name: string | null;
  user: string | null;
  role: Role;
  of_sign_in: boolean;
  read_tags: string[] | null;
  write_tags: string[] | null;
  created_at: string | null;
  expires_at: string | null;
  last_used: string | null;
}

const ROLES: Role[] = ["viewer", "user", "op", "admin"];
const DAYS = [7, 30, 90, 365];

export default function TokensView() {
  const { t } = useTranslation(["tokens", "users"]);
  const { may } = useSession();
  const client = useQueryClient();
  const [creating, setCreating] = useState(false);
  const [made, setMade] = useState<string | null>(null);
  const [gone, setGone] = useState<Token | null>(null);
  const list = usePaged<Token>(keys.settings("tokens"), "/ui/tokens", "tokens");
  const changed = () => client.invalidateQueries({ queryKey: keys.settings("tokens") });
  const nameOf = (k: Token) => k.name ?? (k.of_sign_in ? t("sign_in") : k.id);
  const columns: Column<Token>[] = [
    { id: "name", header: t("name"), width: "minmax(7rem, 1.4fr)", cell: (k) => <>{nameOf(k)} <span className="mono muted">{k.id.slice(0, 8)}</span></> },
    ...(may("admin") ? [{ id: "user", header: t("user"), width: "minmax(6rem, 0.8fr)", hide: "narrow" as const, cell: (k: Token) => k.user ?? <span className="muted">{t("nobody")}</span> }] : []),
    { id: "role", header: t("role"), width: "7rem", hide: "narrow", cell: (k) => t(`common:role.${roleOf(k.role)}`) },
    { id: "tags", header: t("limits"), width: "minmax(6rem, 1fr)", hide: "medium", cell: (k) => (k.read_tags || k.write_tags ? <TagList tags={[...new Set([...(k.read_tags ?? []), ...(k.write_tags ?? [])])]} /> : <span className="muted">{t("all_dags")}</span>) },
    { id: "created", header: t("created"), width: "8rem", hide: "medium", cell: (k) => <TimeText time={k.created_at} /> },
    { id: "used", header: t("used"), width: "8rem", hide: "narrow", cell: (k) => <TimeText time={k.last_used} empty={t("never")} /> },
    { id: "expires", header: t("expires"), width: "7.5rem", cell: (k) => (k.expires_at ? <TimeText time={k.expires_at} /> : <span>{t("never")}</span>) },
    { id: "actions", header: t("actions"), headerHidden: true, width: "2.25rem", align: "end", cell: (k) => <IconButton icon={Ban} small label={t("revoke", { name: nameOf(k) })} onClick={() => setGone(k)} /> },
  ];
  return (
    <Page title={t("title")} description={t("about")} actions={<Button kind="primary" icon={Plus} onClick={() => setCreating(true)}>{t("new")}</Button>}>
      {list.error && !list.rows.length ? <ErrorState error={list.error} retry={list.refetch} /> : (
        <Table label={t("title")} columns={columns} rows={list.rows} rowKey={(k) => k.id} loading={list.loading} hasMore={list.hasMore} loadMore={list.loadMore} empty={<EmptyState icon={KeyRound} title={t("none")}>{t("none_hint")}</EmptyState>} />
      )}
      {creating && <TokenDialog onClose={() => setCreating(false)} onDone={(secret) => { setMade(secret); void changed(); }} />}
      {made && <Once title={t("made")} text={t("made_about")} secret={made} onClose={() => setMade(null)} />}
      {gone && (
        <Confirm open danger title={t("revoke", { name: nameOf(gone) })} action={t("revoke_action")} onClose={() => setGone(null)} onConfirm={async () => {
          await api.delete(path`/ui/tokens/${gone.id}`);
          await changed();
          toast.done(t("revoked", { name: nameOf(gone) }));
        }}><p>{t("revoke_about")}</p></Confirm>
      )}
    </Page>
  );
}

function TokenDialog({ onClose, onDone }: { onClose: () => void; onDone: (secret: string) => void }) {
  const { t } = useTranslation(["tokens", "users"]);
  const { session, may } = useSession();
  const allowed = ROLES.filter((r) => may(r));
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>(roleOf(session.user?.role ?? "viewer"));
  const [days, setDays] = useState("90");
  const [read, setRead] = useState("");
  const [write, setWrite] = useState("");
  const make = useMutation({
    mutationFn: () => api.post<{ token: string }>("/ui/tokens", {
      name: name.trim(), role, expires_in: days ? Number(days) * 86400 : null, ...(tagsOf(read) && { read_tags: tagsOf(read) }), ...(tagsOf(write) && { write_tags: tagsOf(write) }),
    }),
    onSuccess: (k) => {
      onDone(k.token);
      onClose();
    },
  });
  return (
    <Dialog open onClose={onClose} title={t("new")} locked={make.isPending} onSubmit={() => name.trim() && make.mutate()} footer={
      <><Button onClick={onClose}>{t("common:cancel")}</Button><Button type="submit" kind="primary" busy={make.isPending} disabled={!name.trim()}>{t("common:create")}</Button></>
    }>
      <Field label={t("name")} hint={t("name_hint")}>{(p) => <Input {...p} data-autofocus value={name} maxLength={128} onChange={(e) => setName(e.target.value)} />}</Field>
      <FieldRow>
        <Field label={t("role")} hint={t("role_hint")}>{(p) => <Select {...p} value={role} onChange={(e) => setRole(e.target.value as Role)}>{allowed.map((r) => <option key={r} value={r}>{t(`common:role.${r}`)}</option>)}</Select>}</Field>
        <Field label={t("expires")}>{(p) => <Select {...p} value={days} onChange={(e) => setDays(e.target.value)}>{DAYS.map((d) => <option key={d} value={d}>{t("days", { count: d })}</option>)}<option value="">{t("never")}</option></Select>}</Field>
      </FieldRow>
      <FieldRow>
        <TagsField label={t("users:read_tags")} value={read} onChange={setRead} />
        <TagsField label={t("users:write_tags")} value={write} onChange={setWrite} />
      </FieldRow>
      {make.error && <ErrorState error={make.error} inline />}
    </Dialog>
  );
}
