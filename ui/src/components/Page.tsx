import { useEffect } from "react";
import type { ReactNode } from "react";
import { setTitle } from "@/app/title";
import { cx } from "@/lib/cx";
import s from "./Page.module.css";

interface Props {
  title: string; // of the tab too
  heading?: ReactNode; // where it is more than the title
  actions?: ReactNode;
  children: ReactNode;
  wide?: boolean; // to the edges: grids and graphs
  description?: ReactNode;
}

/** The frame of a view: its heading, what one can do, its content. */
export function Page({ title, heading, actions, children, wide, description }: Props) {
  useEffect(() => setTitle(title), [title]);
  return (
    <div className={cx(s.page, wide && s.wide)}>
      <header className={s.head}>
        <div className={s.words}>
          <h1 className={s.title}>{heading ?? title}</h1>
          {description && <p className="muted">{description}</p>}
        </div>
        {actions && <div className={s.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** A part of a page with a border and a heading. */
export function Panel({ title, actions, children, flush, id }: { title?: ReactNode; actions?: ReactNode; children: ReactNode; flush?: boolean; id?: string }) {
  return (
    <section className={s.panel} id={id}>
      {(title || actions) && <header className={s.panelHead}><h2>{title}</h2>{actions}</header>}
      <div className={flush ? undefined : s.panelBody}>{children}</div>
    </section>
  );
}

/** Names and values. */
export function Facts({ items }: { items: readonly (readonly [string, ReactNode] | null | false)[] }) {
  return (
    <dl className={s.facts}>
      {items.map((item) => item && <div key={item[0]}><dt>{item[0]}</dt><dd>{item[1] ?? "–"}</dd></div>)}
    </dl>
  );
}

/** Grey bars of the size that the content will have. */
export function Skeleton({ rows = 3, height = "1rem" }: { rows?: number; height?: string }) {
  return (
    <div aria-hidden className={s.skeleton}>
      {Array.from({ length: rows }, (_, i) => <span key={i} style={{ height, width: `${[92, 74, 83, 61][i % 4]}%` }} />)}
    </div>
  );
}
