import { useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { Tags } from "lucide-react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { keys } from "@/api/keys";
import { Button } from "@/components/Button";
import { Checkbox, Input } from "@/components/Form";
import { Popover } from "@/components/Popover";
import s from "./Dags.module.css";

export function TagFilter({ chosen, onChange }: { chosen: readonly string[]; onChange: (tags: string[]) => void }) {
  const { t } = useTranslation("dags");
  return (
    <Popover
      label={t("tags.label")}
      button={(p) => (
        <Button {...p} icon={Tags}>{t("tags.label")}{chosen.length > 0 && <span className={s.tagCount}>{chosen.length}</span>}</Button>
      )}
    >
      {() => <List chosen={chosen} onChange={onChange} />}
    </Popover>
  );
}

function List({ chosen, onChange }: { chosen: readonly string[]; onChange: (tags: string[]) => void }) {
  const { t } = useTranslation("dags");
  const [text, setText] = useState("");
  const all = useQuery({ queryKey: [...keys.dags, "tags"], queryFn: () => api.get<{ tags: string[] }>("/api/v2/dagTags", { query: { limit: 100, tag_name_pattern: text && `%${text}%` } }) });
  const found = [...new Set([...chosen, ...(all.data?.tags ?? [])])].filter((tag) => tag.toLowerCase().includes(text.toLowerCase()));
  return (
    <div className={s.tags}>
      <Input value={text} onChange={(e) => setText(e.target.value)} placeholder={t("tags.search")} aria-label={t("tags.search")} />
      <div className={s.tagList}>
        {found.map((tag) => (
          <Checkbox
            key={tag} label={tag} checked={chosen.includes(tag)}
            onChange={(e) => onChange(e.target.checked ? [...chosen, tag] : chosen.filter((c) => c !== tag))}
          />
        ))}
        {!found.length && <p className="muted">{all.isPending ? t("common:loading") : t("tags.none")}</p>}
      </div>
      {chosen.length > 0 && <Button small kind="ghost" onClick={() => onChange([])}>{t("tags.clear")}</Button>}
    </div>
  );
}
