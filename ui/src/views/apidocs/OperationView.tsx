import { Fragment } from "react";
import { ChevronRight, Link as LinkIcon } from "lucide-react";
import { useTranslation } from "react-i18next";
import { CopyButton } from "@/components/CopyButton";
import { Words } from "@/components/Words";
import { cx } from "@/lib/cx";
import { curlOf, limitsOf, resolve, typeOf } from "./model";
import type { Answer, Description, Operation } from "./model";
import { SchemaTree } from "./Schema";
import s from "./apidocs.module.css";

/* Long paths break behind a "/"; what is to be filled in is another colour. */
function Path({ path }: { path: string }) {
  return (
    <code className={s.path}>
      {path.split(/(?<=\/)|(?=\/)|(?<=})/).map((part, i) => <Fragment key={i}>{part.startsWith("{") ? <span className={s.param}>{part}</span> : part}{part === "/" && <wbr />}</Fragment>)}
    </code>
  );
}

function Needs({ needs }: { needs: string }) {
  const { t } = useTranslation("apidocs");
  if (needs === "none" || needs === "signed") return <span className={s.needs}>{t(`needs.${needs}`)}</span>;
  return <span className={s.needs} data-tip={t("needs.role")}><span className="sr-only">{t("needs.role")}: </span>{t(`common:role.${needs}`)}</span>;
}

/** One operation: a line, and when it is opened all about it. */
export function OperationView({ d, op, open, onToggle }: { d: Description; op: Operation; open: boolean; onToggle: () => void }) {
  return (
    <article className={cx(s.operation, open && s.opened)} id={op.operationId}>
      <h3>
        <button type="button" aria-expanded={open} aria-controls={open ? `${op.operationId}-more` : undefined} onClick={onToggle} className={s.head}>
          <ChevronRight size={14} aria-hidden className={s.chevron} />
          <span className={cx(s.method, s[op.method])}>{op.method}</span>
          <span className={s.what}><Path path={op.path} /><span className={s.summary}>{op.summary}</span></span>
          <Needs needs={op.needs} />
        </button>
      </h3>
      {open && <div id={`${op.operationId}-more`} className={s.more}><More d={d} op={op} /></div>}
    </article>
  );
}

function More({ d, op }: { d: Description; op: Operation }) {
  const { t } = useTranslation("apidocs");
  const link = `${location.origin}/docs#${op.operationId}`;
  const example = curlOf(d, op, location.origin);
  const body = Object.entries(op.requestBody?.content ?? {});
  return (
    <>
      {op.description && <p className={s.text}><Words text={op.description} /></p>}
      <p className={s.link}><LinkIcon size={13} aria-hidden /><a href={link} className="mono">{op.operationId}</a><CopyButton text={link} label={t("copy_link")} /></p>
      {op.parameters?.length ? (
        <>
          <h4>{t("parameters")}</h4>
          <dl className={s.parameters}>
            {op.parameters.map((p) => (
              <div key={`${p.in}.${p.name}`}>
                <dt><code className={s.name}>{p.name}</code>{p.required && <span className={s.required}>{t("required")}</span>}</dt>
                <dd className={s.where}>{t(`in.${p.in}`, { defaultValue: p.in })}</dd>
                <dd><span className={s.type}>{typeOf(d, p.schema ?? {})}</span><span className={s.limits}>{limitsOf(resolve(d, p.schema ?? {}).value)}</span>{p.description && <span className={s.about}><Words text={p.description} /></span>}</dd>
              </div>
            ))}
          </dl>
        </>
      ) : null}
      {body.map(([type, { schema }]) => (
        <Fragment key={type}>
          <h4>{t("body")} <span className={s.mime}>{type}</span></h4>
          <SchemaTree d={d} schema={schema ?? {}} />
        </Fragment>
      ))}
      <h4>{t("answers")}</h4>
      {Object.entries(op.responses).map(([code, answer]) => <AnswerView key={code} d={d} code={code} answer={resolve(d, answer).value} />)}
      <h4>{t("example")}</h4>
      <div className={s.code}>
        <pre tabIndex={0} role="region" aria-label={t("example_of", { name: `${op.method} ${op.path}` })}><code>{example}</code></pre>
        <CopyButton text={example} className={s.copy} />
      </div>
    </>
  );
}

function AnswerView({ d, code, answer }: { d: Description; code: string; answer: Answer }) {
  const { t } = useTranslation("apidocs");
  const content = Object.entries(answer.content ?? {});
  const line = <><span className={cx(s.code_, /^2/.test(code) && s.good)}>{code === "default" ? t("error") : code}</span> <span><Words text={answer.description ?? ""} /></span></>;
  if (!content.length) return <p className={s.answer}>{line}</p>;
  return (
    <details className={s.answer} open={/^2/.test(code)}>
      <summary>{line}</summary>
      {content.map(([type, { schema }]) => <Fragment key={type}><p className={s.mime}>{type}</p><SchemaTree d={d} schema={schema ?? {}} /></Fragment>)}
    </details>
  );
}
