/*
 * Enough of Python, YAML, JSON and SQL to read by: comments, strings, keywords, numbers, names of keys and decorators. One pass, linear.
 */
export type Syntax = "python" | "yaml" | "json" | "sql" | "text";
export interface Token {
  text: string;
  kind?: "comment" | "string" | "keyword" | "number" | "name";
}

const words = (s: string) => new Set(s.split(" "));
const KEYWORDS: Record<"python" | "sql" | "yaml" | "json", Set<string>> = {
  python: words("False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield match case"),
  sql: words("select from where and or not null is in join left right inner outer on group by order having insert into values update set delete create table view as with union all distinct case when then else end limit offset"),
  yaml: words("true false null yes no"),
  json: words("true false null"),
};

const RULES: Record<Exclude<Syntax, "text">, RegExp> = {
  python: /(#[^\n]*)|([rbfuRBFU]{0,2}(?:"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))|(@[\w.]+)|(\b\d[\d_.]*(?:[eE][+-]?\d+)?\b)|([A-Za-z_]\w*)/g,
  yaml: /((?:^|(?<=\s))#[^\n]*)|("(?:\\.|[^"\\])*"?|'(?:''|[^'])*'?)|((?<=^|[\s-])[\w.$/-]+(?=\s*:(?:\s|$)))|((?<=[\s[,:])-?\d[\d_.]*(?:[eE][+-]?\d+)?(?=[\s,\]}]|$))|([A-Za-z_]\w*)/gm,
  json: /(\/\/[^\n]*)|("(?:\\.|[^"\\\n])*"(?!\s*:))|("(?:\\.|[^"\\\n])*"(?=\s*:))|(-?\b\d[\d.]*(?:[eE][+-]?\d+)?\b)|([A-Za-z_]\w*)/g,
  sql: /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:''|[^'])*'?)|("(?:""|[^"])*"?)|(\b\d[\d.]*\b)|([A-Za-z_]\w*)/g,
};

const LIMIT = 400_000; // longer texts stay plain

export function syntaxOf(name: string): Syntax {
  const ext = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  return ext === "py" ? "python" : ext === "yaml" || ext === "yml" ? "yaml" : ext === "json" ? "json" : ext === "sql" ? "sql" : "text";
}

/** The text's lines, each as pieces with their kind. */
export function highlight(text: string, syntax: Syntax): Token[][] {
  const lines: Token[][] = [[]];
  const put = (piece: string, kind?: Token["kind"]) => {
    piece.split("\n").forEach((part, i) => {
      if (i) lines.push([]);
      if (part) lines[lines.length - 1]!.push(kind ? { text: part, kind } : { text: part });
    });
  };
  if (syntax === "text" || text.length > LIMIT) {
    put(text);
    return lines;
  }
  const kinds = ["comment", "string", "name", "number"] as const;
  let at = 0;
  for (const m of text.matchAll(RULES[syntax])) {
    if (!m[0]) continue;
    const group = [1, 2, 3, 4].find((i) => m[i] !== undefined);
    const word = m[5];
    const key = word !== undefined && KEYWORDS[syntax].has(syntax === "sql" ? word.toLowerCase() : word);
    if (group === undefined && !key) continue;
    if (m.index > at) put(text.slice(at, m.index));
    put(m[0], group !== undefined ? kinds[group - 1] : "keyword");
    at = m.index + m[0].length;
  }
  put(text.slice(at));
  return lines;
}
