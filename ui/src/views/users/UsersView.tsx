import { useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Pencil, Trash2, UserPlus, Users } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api, path } from "@/api/client";
import { keys } from "@/api/keys";
import { roleOf, useSession } from "@/api/session";
import type { Role } from "@/api/session";
import { Button, ButtonLink, IconButton } from "@/components/Button";
import { Confirm } from "@/components/Confirm";
import { Dialog } from "@/components/Dialog";
import { EmptyState } from "@/components/EmptyState";
import { ErrorState } from "@/components/ErrorState";
import { Filters } from "@/components/Filters";
import { Checkbox, Field, FieldRow, Input, Select } from "@/components/Form";
import { Once } from "@/components/Once";
import { Page } from "@/components/Page";
import { SearchField } from "@/components/SearchField";
import { Table } from "@/components/Table";
import type { Column } from "@/components/Table";
import { TagList } from "@/components/TagList";
import { TagsField, tagsOf } from "@/components/TagsField";
import { TimeText } from "@/components/TimeText";
import { toast } from "@/components/Toast";
import { usePaged } from "@/lib/paged";

export interface User {
  name: string;
  role: Role;
  email: string | null;
  first_name: string | null;
  last_name: string | null;
  password: boolean;
  first_password: boolean;
  disabled: boolean;
  issuer: string | null;
  read_tags: string[] | null;
  write_tags: string[] | null;
  created_at: string | null;
  last_login: string | null;
}

export const ROLES: Role[] = ["viewer", "user", "op", "admin"];
const MIN_PASSWORD = 8;

export default function UsersView() {
  const { t } = useTranslation("users");
  const { session } = useSession();
  const client = useQueryClient();
  const [search, setSearch] = useState("");
  const [edited, setEdited] = useState<User | "new" | null>(null);
  const [gone, setGone] = useState<User | null>(null);
  const [made, setMade] = useState<{ name: string; password: string } | null>(null);
  const list = usePaged<User>(keys.settings("users"), "/ui/users", "users");
  const changed = () => client.invalidateQueries({ queryKey: keys.settings("users") });
  const rows = list.rows.filter((u) => `${u.name} ${u.email ?? ""} ${u.first_name ?? ""} ${u.last_name ?? ""}`.toLowerCase().includes(search.toLowerCase()));
  const columns: Column<User>[] = [
    {
      id: "name", header: t("name"), width: "minmax(9rem, 1.3fr)", cell: (u) => {
        const full = [u.first_name, u.last_name].filter(Boolean).join(" ");
        return <span className="inline-row"><button type="button" className="linklike truncate" onClick={() => setEdited(u)}>{u.name}</button>{full && <span className="muted truncate">{full}</span>}</span>;
      },
    },
    { id: "role", header: t("role"), width: "8rem", cell: (u) => t(`common:role.${roleOf(u.role)}`) },
    { id: "state", header: t("state"), width: "minmax(8.5rem, 1fr)", hide: "narrow", cell: (u) => <span className={u.disabled ? "" : "muted"}>{u.disabled ? t("disabled") : u.first_password ? t("first") : u.issuer ? t("elsewhere") : t("active")}</span> },
    { id: "tags", header: t("limits"), width: "minmax(8rem, 1fr)", hide: "medium", cell: (u) => (u.read_tags || u.write_tags ? <TagList tags={[...new Set([...(u.read_tags ?? []), ...(u.write_tags ?? [])])]} /> : <span className="muted">{t("all_dags")}</span>) },
    { id: "login", header: t("last_login"), width: "9rem", hide: "narrow", cell: (u) => <TimeText time={u.last_login} empty={t("never")} /> },
    {
      id: "actions", header: t("actions"), headerHidden: true, width: "4rem", align: "end", cell: (u) => (
        <span className="row-actions">
          <IconButton icon={Pencil} small label={t("edit", { name: u.name })} onClick={() => setEdited(u)} />
          <IconButton icon={Trash2} small label={t("delete", { name: u.name })} disabled={u.name === session.user?.name} onClick={() => setGone(u)} />
        </span>
      ),
    },
  ];
  return (
    <Page title={t("title")} description={t("about")} actions={<><ButtonLink to="/tokens" icon={KeyRound}>{t("tokens")}</ButtonLink><Button kind="primary" icon={UserPlus} onClick={() => setEdited("new")}>{t("new")}</Button></>}>
      <Filters count={list.first ? undefined : t("count", { count: list.total })}><SearchField value={search} onChange={setSearch} label={t("search")} /></Filters>
      {list.error && !list.rows.length ? <ErrorState error={list.error} retry={list.refetch} /> : (
        <Table label={t("title")} columns={columns} rows={rows} rowKey={(u) => u.name} loading={list.loading} hasMore={list.hasMore} loadMore={list.loadMore} empty={<EmptyState icon={Users} title={t("none")} />} />
      )}
      {edited && <UserDialog user={edited === "new" ? null : edited} onClose={() => setEdited(null)} onDone={(name, password) => {
        void changed();
        if (password) setMade({ name, password });
        else toast.done(t("saved", { name }));
      }} />}
      {made && <Once title={t("made", { name: made.name })} text={t("made_about")} secret={made.password} onClose={() => setMade(null)} />}
      {gone && (
        <Confirm open danger title={t("delete", { name: gone.name })} action={t("common:delete")} onClose={() => setGone(null)} onConfirm={async () => {
          await api.delete(path`/ui/users/${gone.name}`);
          await changed();
          toast.done(t("deleted", { name: gone.name }));
        }}><p>{t("delete_about")}</p></Confirm>
      )}
    </Page>
  );
}

function UserDialog({ user, onClose, onDone }: { user: User | null; onClose: () => void; onDone: (name: string, password?: string) => void }) {
  const { t } = useTranslation("users");
  const [name, setName] = useState(user?.name ?? "");
  const [role, setRole] = useState<Role>(roleOf(user?.role ?? "viewer"));
  const [first, setFirst] = useState(user?.first_name ?? "");
  const [last, setLast] = useState(user?.last_name ?? "");
  const [email, setEmail] = useState(user?.email ?? "");
  const [read, setRead] = useState(user?.read_tags?.join(", ") ?? "");
  const [write, setWrite] = useState(user?.write_tags?.join(", ") ?? "");
  const [disabled, setDisabled] = useState(user?.disabled ?? false);
  const [password, setPassword] = useState("");
  const [renew, setRenew] = useState(false);
  const short = password.length > 0 && password.length < MIN_PASSWORD;
  const save = useMutation({
    mutationFn: () => {
      const body = { role, email: email || null, first_name: first || null, last_name: last || null, read_tags: tagsOf(read), write_tags: tagsOf(write), ...(user && { disabled }), ...(password && { password, first_password: true }) };
      return user ? api.patch<User & { new_password?: string }>(path`/ui/users/${user.name}`, body) : api.post<User & { new_password?: string }>("/ui/users", { name: name.trim(), ...body });
    },
    onSuccess: (u) => {
      onDone(name.trim(), u?.new_password);
      onClose();
    },
  });
  return (
    <Dialog open onClose={onClose} title={user ? t("edit", { name: user.name }) : t("new")} locked={save.isPending} onSubmit={() => name.trim() && !short && save.mutate()} footer={
      <><Button onClick={onClose}>{t("common:cancel")}</Button><Button type="submit" kind="primary" busy={save.isPending} disabled={!name.trim() || short}>{t(user ? "common:save" : "common:create")}</Button></>
    }>
      <FieldRow>
        {!user && <Field label={t("name")}>{(p) => <Input {...p} data-autofocus value={name} maxLength={128} onChange={(e) => setName(e.target.value)} />}</Field>}
        <Field label={t("role")} hint={t(`role_hint.${role}`)}>{(p) => <Select {...p} value={role} onChange={(e) => setRole(e.target.value as Role)}>{ROLES.map((r) => <option key={r} value={r}>{t(`common:role.${r}`)}</option>)}</Select>}</Field>
      </FieldRow>
      <FieldRow>
        <Field label={t("first_name")} optional={t("common:optional")}>{(p) => <Input {...p} value={first} onChange={(e) => setFirst(e.target.value)} />}</Field>
        <Field label={t("last_name")} optional={t("common:optional")}>{(p) => <Input {...p} value={last} onChange={(e) => setLast(e.target.value)} />}</Field>
      </FieldRow>
      <Field label={t("email")} optional={t("common:optional")}>{(p) => <Input {...p} type="email" value={email} onChange={(e) => setEmail(e.target.value)} />}</Field>
      <FieldRow>
        <TagsField label={t("read_tags")} value={read} onChange={setRead} />
        <TagsField label={t("write_tags")} value={write} onChange={setWrite} />
      </FieldRow>
      {user && <Checkbox label={t("renew")} hint={t("renew_hint")} checked={renew} onChange={(e) => { setRenew(e.target.checked); setPassword(""); }} />}
      {(renew || !user) && (
        <Field label={t("password")} hint={user ? undefined : t("password_hint")} error={short ? t("short", { count: MIN_PASSWORD }) : null} optional={user ? undefined : t("common:optional")}>
          {(p) => <Input {...p} type="password" autoComplete="new-password" value={password} onChange={(e) => setPassword(e.target.value)} />}
        </Field>
      )}
      {user && <Checkbox label={t("disable")} hint={t("disable_hint")} checked={disabled} onChange={(e) => setDisabled(e.target.checked)} />}
      {save.error && <ErrorState error={save.error} inline />}
    </Dialog>
  );
}
