/*
 * Where one goes after the sign-in, and how the provider's attempt ended: /login?next=/dags/x, /login?oidc=denied. At any other address one
 * stays where one is.
 */
export const OUTCOMES = ["again", "refused", "failed", "denied", "taken", "provider"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** An address of this server, as the server itself judges it; anything else leads home: a link to the sign-in must lead nowhere else. */
export function ours(next: string | null): string {
  return next && /^\/(?![/\\])[^\\\r\n\t]*$/.test(next) && !/^\/login(?:[/?#]|$)/.test(next) ? next : "/";
}

export function nextOf(at: { pathname: string; search: string; hash?: string }): string {
  return at.pathname === "/login" ? ours(new URLSearchParams(at.search).get("next")) : at.pathname + at.search + (at.hash ?? "");
}

/** How the sign-in by the provider ended, where it brought one back. */
export function outcomeOf(at: { pathname: string; search: string }): Outcome | null {
  if (at.pathname !== "/login") return null;
  const said = new URLSearchParams(at.search).get("oidc");
  return said === null ? null : (OUTCOMES.find((x) => x === said) ?? "failed");
}
