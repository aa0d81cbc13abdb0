import { useTranslation } from "react-i18next";
import { Field, Input } from "@/components/Form";

/** A limit to DAGs with one of some tags; empty is no limit (null). */
export function TagsField({ label, value, onChange }: { label: string; value: string; onChange: (v: string) => void }) {
  const { t } = useTranslation("users");
  return <Field label={label} hint={t("tags_hint")} optional={t("common:optional")}>{(p) => <Input {...p} value={value} onChange={(e) => onChange(e.target.value)} />}</Field>;
}

export const tagsOf = (text: string): string[] | null => {
  const list = text.split(",").map((x) => x.trim()).filter(Boolean);
  return list.length ? list : null;
};
