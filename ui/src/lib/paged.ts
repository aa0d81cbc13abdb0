import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "@/api/client";
import type { Query } from "@/api/client";

const PAGE = 100;

/** A list of Airflow's API, page after page: { <name>: [...], total_entries }. `query` is part of the key. */
export function usePaged<T>(key: readonly unknown[], url: string, name: string, query: Query = {}, options: { refetchInterval?: number; enabled?: boolean } = {}) {
  const q = useInfiniteQuery({
    queryKey: [...key, query],
    queryFn: ({ pageParam, signal }) => api.get<Record<string, unknown>>(url, { query: { limit: PAGE, offset: pageParam, ...query }, signal }),
    initialPageParam: 0,
    getNextPageParam: (last, _all, at) => {
      const n = (last[name] as unknown[] | undefined)?.length ?? 0;
      return n > 0 && at + n < Number(last.total_entries ?? 0) ? at + n : undefined;
    },
    placeholderData: (old) => old,
    ...options,
  });
  const rows = useMemo(() => (q.data?.pages ?? []).flatMap((p) => (p[name] as T[] | undefined) ?? []), [q.data, name]);
  return {
    rows,
    total: Number(q.data?.pages[0]?.total_entries ?? 0),
    loading: q.isFetching && (rows.length === 0 || q.isFetchingNextPage),
    first: !q.data, // no page has come: there is nothing to count
    error: q.error,
    hasMore: q.hasNextPage,
    loadMore: () => void q.fetchNextPage(),
    refetch: q.refetch,
  };
}
