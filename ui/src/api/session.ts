import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { api, ApiError, setCsrf } from "@/api/client";
import { keys } from "@/api/keys";

export type Role = "viewer" | "user" | "op" | "admin";

/** The server's own word for Airflow's Op is "operator". */
export const roleOf = (word: string): Role => (word === "operator" ? "op" : (word as Role));

export interface AuthMethods {
  password: boolean;
  oidc: { name: string } | null;
}

export interface Session {
  user: { name: string; role: Role; first_password: boolean } | null; // null: nobody is signed in
  csrf: string | null;
  version: string;
  home: string;
  auth: AuthMethods;
  timezone: string;
  poll: number; // seconds between looks at what no event tells
}

const nobody: Session = {
  user: null, csrf: null, version: "", home: "", auth: { password: true, oidc: null }, timezone: "UTC", poll: 30,
};

const known = (s: Session): Session => ({ ...nobody, ...s, user: s.user && { ...s.user, role: roleOf(s.user.role) } });

async function load(): Promise<Session> {
  try {
    const s = await api.get<Session>("/ui/session");
    setCsrf(s.csrf);
    return known(s);
  } catch (e) {
    if (e instanceof ApiError && e.status === 401) {
      setCsrf(null);
      return { ...nobody, ...(e.body as Partial<Session>), user: null };
    }
    throw e;
  }
}

const ranks: Role[] = ["viewer", "user", "op", "admin"];

/** Who is signed in, and what they may do: `may("user")` is true for that role and those above it. */
export function useSession() {
  const q = useQuery({ queryKey: keys.session, queryFn: load, staleTime: 5 * 60_000, retry: false });
  const role = q.data?.user?.role;
  const may = useCallback((least: Role) => role !== undefined && ranks.indexOf(role) >= ranks.indexOf(least), [role]);
  return { session: q.data ?? nobody, loading: q.isPending, error: q.error, retry: q.refetch, may };
}

export function useSignIn() {
  const client = useQueryClient();
  const take = (s: Session) => {
    setCsrf(s.csrf);
    client.setQueryData(keys.session, known(s));
  };
  return {
    signIn: async (username: string, password: string) => take(await api.post<Session>("/ui/login", { username, password })),
    signOut: async () => {
      await api.post("/ui/logout");
      setCsrf(null);
      client.clear();
      location.assign("/");
    },
    changePassword: async (old: string, next: string) => {
      await api.post("/ui/password", { old, new: next });
      await client.invalidateQueries({ queryKey: keys.session });
    },
  };
}
