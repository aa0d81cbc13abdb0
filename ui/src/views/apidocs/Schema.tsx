/* A schema as a tree: an object's members are drawn when it is opened. */
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Words } from "@/components/Words";
import { limitsOf, membersOf, resolve, typeOf } from "./model";
import type { Description, Member, Schema } from "./model";
import s from "./apidocs.module.css";

const FEW = 3; // as in {dags: […], total_entries}: what is in them is what one looks for

function About({ d, of, within }: { d: Description; of: Member; within: readonly string[] }) {
  const { t } = useTranslation("apidocs");
  const { value } = resolve(d, of.schema);
  const limits = limitsOf(value), about = of.schema.description ?? value.description;
  return (
    <>
      <code className={s.name}>{of.name}</code>
      <span className={s.type}>{typeOf(d, of.schema)}</span>
      {of.required && <span className={s.required}>{t("required")}</span>}
      {limits && <span className={s.limits}>{limits}</span>}
      {membersOf(d, of.schema, within).again && <span className={s.limits}>{t("again")}</span>}
      {about && <span className={s.about}><Words text={about} /></span>}
    </>
  );
}

function Node({ d, member, within, opened }: { d: Description; member: Member; within: readonly string[]; opened: boolean }) {
  const { members, names } = membersOf(d, member.schema, within);
  const [open, setOpen] = useState(opened);
  if (!members.length) return <div className={s.leaf}><About d={d} of={member} within={within} /></div>;
  return (
    <details open={open} onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary><About d={d} of={member} within={within} /></summary>
      {open && <Members d={d} members={members} within={names} />}
    </details>
  );
}

function Members({ d, members, within, top }: { d: Description; members: readonly Member[]; within: readonly string[]; top?: boolean }) {
  return <ul>{members.map((m) => <li key={m.name}><Node d={d} member={m} within={within} opened={top === true && members.length <= FEW} /></li>)}</ul>;
}

export function SchemaTree({ d, schema }: { d: Description; schema: Schema }) {
  const { members, names } = membersOf(d, schema, []);
  const { value } = resolve(d, schema);
  return (
    <div className={s.tree}>
      <p><span className={s.type}>{typeOf(d, schema)}</span>{value.description && <span className={s.about}><Words text={value.description} /></span>}</p>
      {members.length > 0 && <Members d={d} members={members} within={names} top />}
    </div>
  );
}
