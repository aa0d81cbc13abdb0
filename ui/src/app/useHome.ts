import { useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import { useLive } from "@/api/events";
import { keys } from "@/api/keys";
import { useSession } from "@/api/session";
import type { Home } from "@/api/types";

/** What the home page shows; the shell counts failures by it. */
export function useHome() {
  const poll = useLive(useSession().session.poll);
  return useQuery({ queryKey: keys.home, queryFn: () => api.get<Home>("/ui/home"), refetchInterval: poll });
}
