/*
 * How the page talks to its server. Every answer that is no 2xx becomes an ApiError; a server that cannot be reached is one of status 0.
 *
 *   const dag = await api.get<Dag>(path`/api/v2/dags/${id}`);
 *   await api.patch(path`/api/v2/dags/${id}`, { is_paused: true });
 */
export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: no answer
    message: string,
    readonly method: string,
    readonly url: string,
    readonly requestId?: string,
    readonly body?: unknown,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export type Query = Record<string, string | number | boolean | null | undefined | readonly (string | number)[]>;

export interface Options {
  query?: Query;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

let csrf: string | null = null;
let onUnauthorized: () => void = () => {};

/** The token that goes with every write; it comes with the session. */
export function setCsrf(token: string | null) {
  csrf = token;
}

/** Called whenever an answer says that nobody is signed in any more. */
export function setOnUnauthorized(fn: () => void) {
  onUnauthorized = fn;
}

/** A path whose values are escaped: path`/api/v2/dags/${dag}`. */
export function path(strings: TemplateStringsArray, ...values: (string | number)[]): string {
  return strings.reduce((s, part, i) => s + encodeURIComponent(String(values[i - 1])) + part);
}

export function withQuery(url: string, query?: Query): string {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const v of Array.isArray(value) ? value : [value]) {
      if (v !== undefined && v !== null && v !== "") q.append(name, String(v));
    }
  }
  const text = q.toString();
  return text ? `${url}?${text}` : url;
}

function detailOf(body: unknown, fallback: string): string {
  const detail = (body as { detail?: unknown } | null)?.detail;
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) return detail.map((d) => (typeof d?.msg === "string" ? d.msg : JSON.stringify(d))).join("; ");
  return fallback;
}

/** The raw answer, for what is no JSON (logs, downloads). Throws ApiError as the others do. */
export async function request(method: string, url: string, body?: unknown, options: Options = {}): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json", ...options.headers };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
  const full = withQuery(url, options.query);
  let answer: Response;
  try {
    answer = await fetch(full, {
      method,
      headers,
      credentials: "same-origin",
      signal: options.signal,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (e) {
    if (e instanceof DOMException && e.name === "AbortError") throw e;
    throw new ApiError(0, "", method, full);
  }
  if (!answer.ok) {
    const text = await answer.text().catch(() => "");
    let parsed: unknown = null;
    try {
      parsed = JSON.parse(text);
    } catch {
      parsed = null;
    }
    if (answer.status === 401 && !url.startsWith("/ui/session") && !url.startsWith("/ui/login")) onUnauthorized();
    throw new ApiError(
      answer.status,
      detailOf(parsed, answer.statusText),
      method,
      full,
      answer.headers.get("X-Request-Id") ?? undefined,
      parsed,
    );
  }
  return answer;
}

async function json<T>(method: string, url: string, body?: unknown, options?: Options): Promise<T> {
  const answer = await request(method, url, body, options);
  if (answer.status === 204) return undefined as T;
  const text = await answer.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

export const api = {
  get: <T>(url: string, options?: Options) => json<T>("GET", url, undefined, options),
  post: <T>(url: string, body?: unknown, options?: Options) => json<T>("POST", url, body ?? {}, options),
  patch: <T>(url: string, body?: unknown, options?: Options) => json<T>("PATCH", url, body ?? {}, options),
  put: <T>(url: string, body?: unknown, options?: Options) => json<T>("PUT", url, body ?? {}, options),
  delete: <T = void>(url: string, options?: Options) => json<T>("DELETE", url, undefined, options),
};
