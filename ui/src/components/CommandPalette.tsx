import { useEffect, useId, useMemo, useRef, useState } from "react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { CornerDownLeft, FileCode2, Play, Search, SquareCheck, Workflow } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router-dom";
import { api, path } from "@/api/client";
import { useAllCommands } from "@/app/commands";
import type { Command } from "@/app/commands";
import { Dialog } from "@/components/Dialog";
import { cx } from "@/lib/cx";
import { keyLabel } from "@/lib/hotkeys";
import s from "./CommandPalette.module.css";

interface Found {
  kind: string;
  dag_id?: string;
  run_id?: string;
  task_id?: string;
  label: string;
}

function hrefOf(f: Found): string {
  if (f.dag_id && f.run_id && f.task_id) return path`/dags/${f.dag_id}/runs/${f.run_id}/tasks/${f.task_id}`;
  if (f.dag_id && f.run_id) return path`/dags/${f.dag_id}/runs/${f.run_id}`;
  if (f.dag_id && f.task_id) return path`/dags/${f.dag_id}` + `?task=${encodeURIComponent(f.task_id)}`;
  if (f.dag_id) return path`/dags/${f.dag_id}`;
  return "/";
}

const icons: Record<string, typeof Workflow> = { dag: Workflow, run: Play, task: SquareCheck };

/** Whether all words of the question stand in the text, in any order. */
export function matches(text: string, question: string): boolean {
  const lower = text.toLowerCase();
  return question.toLowerCase().split(/\s+/).every((w) => lower.includes(w));
}

export function CommandPalette({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog open={open} onClose={onClose} title={t("palette.title")} hideTitle top>
      <Palette onClose={onClose} />
    </Dialog>
  );
}

function Palette({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const id = useId();
  const commands = useAllCommands();
  const [text, setText] = useState("");
  const [asked, setAsked] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const timer = window.setTimeout(() => setAsked(text.trim()), 120);
    return () => window.clearTimeout(timer);
  }, [text]);
  const found = useQuery({
    queryKey: ["search", asked],
    queryFn: ({ signal }) => api.get<{ items: Found[] }>("/ui/search", { query: { q: asked }, signal }),
    enabled: asked.length > 0,
    placeholderData: keepPreviousData,
    retry: false,
  });
  const items = useMemo<Command[]>(() => {
    const own = commands.filter((c) => matches(`${c.label} ${c.group ?? ""}`, text.trim()));
    const theirs = text.trim() ? (found.data?.items ?? []).map((f, i) => ({
      id: `found:${i}`, label: f.label, icon: icons[f.kind] ?? FileCode2, group: t(`palette.kind_${f.kind}`, { defaultValue: f.kind }), run: () => navigate(hrefOf(f)),
    })) : [];
    return [...theirs, ...own];
  }, [commands, found.data, text, t, navigate]);
  const chosen = Math.min(at, items.length - 1);
  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  const run = (c: Command | undefined) => {
    if (!c) return;
    onClose();
    c.run();
  };
  return (
    <div className={s.palette}>
      <div className={s.field}>
        <Search size={17} aria-hidden />
        <input
          data-autofocus
          role="combobox"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={items.length ? `${id}-${chosen}` : undefined}
          aria-autocomplete="list"
          aria-label={t("palette.title")}
          placeholder={t("palette.placeholder")}
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={(e) => {
            setText(e.target.value);
            setAt(0);
          }}
          onKeyDown={(e) => {
            if (e.nativeEvent.isComposing) return;
            const step = e.key === "ArrowDown" ? 1 : e.key === "ArrowUp" ? -1 : 0;
            if (step && items.length) {
              e.preventDefault();
              setAt((chosen + step + items.length) % items.length);
            } else if (e.key === "Enter") {
              e.preventDefault();
              run(items[chosen]);
            }
          }}
        />
      </div>
      <div ref={list} role="listbox" id={`${id}-list`} aria-label={t("palette.title")} className={s.list}>
        {items.map((c, i) => {
          const Icon = c.icon;
          return (
            <div
              key={c.id}
              id={`${id}-${i}`}
              role="option"
              aria-selected={i === chosen}
              className={cx(s.item, i === chosen && s.chosen)}
              onPointerMove={() => setAt(i)}
              onClick={() => run(c)}
            >
              {Icon ? <Icon size={16} aria-hidden /> : <span className={s.noIcon} />}
              <span className="truncate">{c.label}</span>
              <span className={s.group}>{c.group}</span>
              {c.keys && <span className={s.keys} aria-hidden>{keyLabel(c.keys).map((k, j) => <kbd key={j}>{k}</kbd>)}</span>}
              {i === chosen && <CornerDownLeft size={13} aria-hidden className={s.enter} />}
            </div>
          );
        })}
      </div>
      {!items.length && <p className={s.none} role="status">{found.isFetching ? t("loading") : found.error ? t("palette.failed") : t("palette.none")}</p>}
    </div>
  );
}
