import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { ReactNode } from "react";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router-dom";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { Skeleton } from "@/components/Page";
import { cx } from "@/lib/cx";
import { useHotkeys } from "@/lib/hotkeys";
import s from "./Table.module.css";

export interface Column<T> {
  id: string;
  header: string;
  cell: (row: T) => ReactNode;
  width?: string; // a track of CSS grid: "minmax(10rem, 2fr)", "6rem"; never "auto": each line is a grid of its own
  narrow?: string; // its track below 720 px, where it is another one
  align?: "end";
  sort?: string; // the name that onSort gets; a second press gives "-name"
  hide?: "narrow" | "medium"; // gone below 720 px, below 1100 px
  headerHidden?: boolean; // only for those who hear it
}

interface Props<T> {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  sort?: string;
  onSort?: (order: string) => void;
  rowHref?: (row: T) => string; // Enter and a press on the row open it; the cell must hold the link itself
  rowHeight?: number;
  hasMore?: boolean; // keyset paging: more is there
  loadMore?: () => void; // asked for when the end comes near
  loading?: boolean;
  empty?: ReactNode;
  keys?: boolean; // j and k go through it; one table of a view
  rowKeys?: (row: T) => Record<string, () => void>; // further keys for the chosen row: { p: pause }
}

const NEAR_END = 15;

/** A table of any length: only what is seen is in the page. It scrolls with the window. */
export function Table<T>({ label, columns, rows, rowKey, sort, onSort, rowHref, rowHeight = 40, hasMore, loadMore, loading, empty, keys = true, rowKeys }: Props<T>) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const body = useRef<HTMLDivElement>(null);
  const [margin, setMargin] = useState(0);
  const [active, setActive] = useState(-1);
  useLayoutEffect(() => {
    const measure = () => body.current && setMargin(Math.round(body.current.getBoundingClientRect().top + window.scrollY));
    measure();
    const o = new ResizeObserver(measure);
    o.observe(document.body);
    return () => o.disconnect();
  }, []);
  const v = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => rowHeight,
    overscan: 12,
    scrollMargin: margin,
    getItemKey: (i) => (rows[i] ? rowKey(rows[i]) : i),
  });
  const items = v.getVirtualItems();
  const last = items[items.length - 1]?.index ?? 0;
  useEffect(() => {
    if (hasMore && !loading && loadMore && last >= rows.length - NEAR_END) loadMore();
  }, [hasMore, loading, loadMore, last, rows.length]);

  const go = useCallback(
    (to: number) => {
      const i = Math.max(0, Math.min(to, rows.length - 1));
      setActive(i);
      v.scrollToIndex(i, { align: "auto" });
      requestAnimationFrame(() => body.current?.querySelector<HTMLElement>(`[data-index="${i}"]`)?.focus({ preventScroll: true }));
    },
    [rows.length, v],
  );
  const chosen = rows[active];
  useHotkeys(
    {
      j: () => go(active + 1),
      k: () => go(active < 0 ? 0 : active - 1),
      ...(chosen && rowHref && { o: () => navigate(rowHref(chosen)) }),
      ...(chosen && rowKeys?.(chosen)),
    },
    keys && rows.length > 0,
  );

  const template = columns.map((c) => c.width ?? "minmax(6rem, 1fr)").join(" ");
  const narrow = columns.filter((c) => !c.hide).map((c) => (c.narrow ?? c.width ?? "minmax(0, 1fr)").replace(/minmax\([^,]+,/, "minmax(0,")).join(" ");
  const medium = columns.filter((c) => c.hide !== "medium").map((c) => c.width ?? "minmax(6rem, 1fr)").join(" ");
  const style = { "--columns": template, "--columns-medium": medium, "--columns-narrow": narrow } as React.CSSProperties;

  return (
    <div className={s.frame} style={style}>
      <div role="table" aria-label={label} aria-rowcount={hasMore ? -1 : rows.length + 1} aria-busy={loading || undefined}>
        <div role="rowgroup" className={s.headGroup}>
          <div role="row" className={cx(s.row, s.headRow)} aria-rowindex={1}>
            {columns.map((c) => {
              const up = sort === c.sort, down = sort === `-${c.sort}`;
              const sortable = c.sort !== undefined && onSort;
              return (
                <div
                  key={c.id}
                  role="columnheader"
                  aria-sort={sortable ? (up ? "ascending" : down ? "descending" : "none") : undefined}
                  className={cx(s.cell, s.headCell, c.align === "end" && s.end, c.hide && s[c.hide])}
                >
                  {sortable ? (
                    <button type="button" className={s.sort} onClick={() => onSort(up ? `-${c.sort}` : c.sort!)}>
                      {c.header}
                      {up ? <ArrowUp size={12} aria-hidden /> : down ? <ArrowDown size={12} aria-hidden /> : null}
                    </button>
                  ) : (
                    <span className={c.headerHidden ? "sr-only" : undefined}>{c.header}</span>
                  )}
                </div>
              );
            })}
          </div>
        </div>
        <div role="rowgroup" ref={body} className={s.body} style={{ height: v.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index]!;
            return (
              <div
                key={item.key}
                role="row"
                aria-rowindex={item.index + 2}
                data-index={item.index}
                tabIndex={-1}
                className={cx(s.row, s.bodyRow, rowHref && s.link, item.index === active && s.active)}
                style={{ height: item.size, transform: `translateY(${item.start - v.options.scrollMargin}px)` }}
                onFocus={() => setActive(item.index)}
                onKeyDown={(e) => {
                  if (e.target !== e.currentTarget) return;
                  if (e.key === "Enter" && rowHref) navigate(rowHref(row));
                  if (e.key === "ArrowDown" || e.key === "ArrowUp") {
                    e.preventDefault();
                    go(item.index + (e.key === "ArrowDown" ? 1 : -1));
                  }
                }}
                onClick={(e) => {
                  if (!rowHref || (e.target as HTMLElement).closest("a,button,input,select,label") || window.getSelection()?.toString()) return;
                  if (e.metaKey || e.ctrlKey) window.open(rowHref(row), "_blank");
                  else navigate(rowHref(row));
                }}
              >
                {columns.map((c) => (
                  <div key={c.id} role="cell" className={cx(s.cell, c.align === "end" && s.end, c.hide && s[c.hide])}>{c.cell(row)}</div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
      {!rows.length && (loading ? <Skeleton rows={6} /> : empty)}
      {rows.length > 0 && hasMore && <p className={s.more}>{t("loading_more")}</p>}
    </div>
  );
}
