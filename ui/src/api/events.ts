/*
 * What changes on the server, told to the whole browser by one stream.
 *
 * Of all tabs one holds the lock "tradewind.events" (Web Locks): it alone has the EventSource, for the union of the topics that all tabs
 * asked for, and passes each event to the others by a BroadcastChannel. When it is closed, the lock goes to the next tab. Where the browser
 * has no locks (plain http on another host), each tab has its own stream.
 */
import type { QueryClient } from "@tanstack/react-query";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { withQuery } from "@/api/client";
import { keys } from "@/api/keys";

export interface ServerEvent {
  type: "dag" | "run" | "task" | "health" | "import_errors" | "refresh";
  data: { dag_id?: string; run_id?: string; task_id?: string; map_index?: number; state?: string | null; try?: number; topic?: string };
}

type Listener = (e: ServerEvent) => void;
type Status = "connecting" | "live" | "down";
type Message =
  | { kind: "event"; event: ServerEvent }
  | { kind: "topics"; tab: string; topics: string[] }
  | { kind: "ask" }
  | { kind: "bye"; tab: string }
  | { kind: "status"; status: Status };

const TYPES = ["dag", "run", "task", "health", "import_errors", "refresh"] as const;
const RETRY_MS = [1000, 2000, 5000, 10_000, 30_000];

/** The merged list of topics: sorted, so that the same set makes the same address. */
export function mergeTopics(lists: Iterable<readonly string[]>): string[] {
  return [...new Set([...lists].flat())].sort();
}

class EventHub {
  private readonly tab = Math.random().toString(36).slice(2);
  private channel: BroadcastChannel | null = null;
  private readonly others = new Map<string, string[]>();
  private readonly own = new Map<string, number>();
  private readonly listeners = new Set<Listener>();
  private readonly watchers = new Set<() => void>();
  private source: EventSource | null = null;
  private url = "";
  private leader = false;
  private failures = 0;
  private timer = 0;
  private started = false;
  private release: (() => void) | null = null;
  status: Status = "connecting";

  start() {
    if (this.started || typeof EventSource === "undefined") return;
    this.started = true;
    if (typeof BroadcastChannel !== "undefined" && navigator.locks) {
      this.channel = new BroadcastChannel("tradewind.events");
      this.channel.onmessage = (m: MessageEvent<Message>) => this.hear(m.data);
      window.addEventListener("pagehide", this.bye);
      void navigator.locks.request("tradewind.events", () => {
        if (!this.started) return;
        this.lead();
        return new Promise<void>((resolve) => (this.release = resolve));
      });
      this.tellTopics();
    } else {
      this.lead();
    }
  }

  stop() {
    if (!this.started) return;
    this.started = false;
    this.bye();
    this.channel?.close();
    this.channel = null;
    this.source?.close();
    this.source = null;
    this.url = "";
    window.clearTimeout(this.timer);
    window.removeEventListener("pagehide", this.bye);
    this.release?.();
    this.release = null;
    this.leader = false;
    this.setStatus("connecting");
  }

  listen(fn: Listener) {
    this.listeners.add(fn);
    return () => void this.listeners.delete(fn);
  }

  watch = (fn: () => void) => {
    this.watchers.add(fn);
    return () => void this.watchers.delete(fn);
  };

  subscribe(topics: readonly string[]) {
    for (const t of topics) this.own.set(t, (this.own.get(t) ?? 0) + 1);
    this.changed();
    return () => {
      for (const t of topics) {
        const n = (this.own.get(t) ?? 1) - 1;
        if (n > 0) this.own.set(t, n);
        else this.own.delete(t);
      }
      this.changed();
    };
  }

  private readonly bye = () => this.say({ kind: "bye", tab: this.tab });

  private say(m: Message) {
    this.channel?.postMessage(m);
  }

  private tellTopics() {
    this.say({ kind: "topics", tab: this.tab, topics: [...this.own.keys()] });
  }

  private hear(m: Message) {
    if (m.kind === "event") this.emit(m.event);
    else if (m.kind === "status") this.setStatus(m.status);
    else if (m.kind === "ask") this.tellTopics();
    else if (m.kind === "bye") this.others.delete(m.tab);
    else {
      this.others.set(m.tab, m.topics);
      if (this.leader) this.say({ kind: "status", status: this.status });
    }
    if (this.leader && (m.kind === "topics" || m.kind === "bye")) this.plan();
  }

  private lead() {
    this.leader = true;
    this.say({ kind: "ask" });
    this.plan();
  }

  /* Views come and go in bursts: one change of address for all of a burst. */
  private changed() {
    if (this.leader) this.plan();
    else this.tellTopics();
  }

  private plan(ms = 50) {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.open(), ms);
  }

  private open() {
    if (!this.started) return;
    const topics = mergeTopics([[...this.own.keys()], ...this.others.values()]);
    const url = withQuery("/ui/events", { topics: topics.join(",") });
    if (this.source && this.source.readyState !== EventSource.CLOSED && url === this.url) return;
    const again = this.url !== "" && this.failures > 0;
    this.source?.close();
    this.url = url;
    const source = new EventSource(url);
    this.source = source;
    source.onopen = () => {
      // What happened between the two streams was not told: look again.
      if (again) this.pass({ type: "refresh", data: {} });
      this.failures = 0;
      this.setStatus("live", true);
    };
    source.onerror = () => {
      this.setStatus("down", true);
      if (source.readyState === EventSource.CLOSED) {
        this.plan(RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)]);
      }
    };
    for (const type of TYPES) {
      source.addEventListener(type, (e) => {
        let data: unknown = {};
        try {
          data = JSON.parse((e as MessageEvent<string>).data || "{}");
        } catch {
          return;
        }
        for (const one of Array.isArray(data) ? data : [data]) this.pass({ type, data: one as ServerEvent["data"] });
      });
    }
  }

  private pass(event: ServerEvent) {
    this.say({ kind: "event", event });
    this.emit(event);
  }

  private emit(event: ServerEvent) {
    for (const fn of [...this.listeners]) fn(event);
  }

  private setStatus(status: Status, tell = false) {
    if (tell) this.say({ kind: "status", status });
    if (this.status === status) return;
    this.status = status;
    for (const fn of this.watchers) fn();
  }
}

export const hub = new EventHub();

/** The keys that an event makes stale. */
export function staleKeys(e: ServerEvent): readonly (readonly unknown[])[] {
  const { dag_id, run_id, topic } = e.data;
  switch (e.type) {
    case "task":
      return dag_id && run_id ? [["dag", dag_id, "grid"], keys.run(dag_id, run_id)] : [];
    case "run":
    case "dag":
      return dag_id ? [keys.dag(dag_id), keys.dags, keys.home] : [keys.dags, keys.home];
    case "health":
      return [keys.home];
    case "import_errors":
      return [keys.importErrors, keys.home, keys.dags];
    case "refresh": {
      const dag = topic?.match(/^(?:dag:|run:)([^/]+)/)?.[1];
      return dag ? [keys.dag(dag), keys.dags] : [["dag"], keys.dags, keys.home, keys.importErrors, keys.requiredActions, keys.assets];
    }
  }
}

/* Many events of one moment become one look. */
const LOOK_MS = 250;

/** Once, by the shell: keeps queries fresh by the server's events. */
export function useEventInvalidation(client: QueryClient) {
  useEffect(() => {
    const stale = new Map<string, readonly unknown[]>();
    let timer = 0;
    const look = () => {
      timer = 0;
      for (const key of stale.values()) void client.invalidateQueries({ queryKey: key });
      stale.clear();
    };
    hub.start();
    const off = hub.listen((e) => {
      for (const key of staleKeys(e)) stale.set(JSON.stringify(key), key);
      if (!timer && stale.size) timer = window.setTimeout(look, LOOK_MS);
    });
    return () => {
      window.clearTimeout(timer);
      off();
      hub.stop();
    };
  }, [client]);
}

/**
 * What this view wants to hear of: events of DAGs, runs, health and import errors come to all; topics "dag:ID" or "run:ID/RUN" add those of tasks. The queries below keys.dag(…) are invalidated by
 * themselves; `fn` is for what is more than that (a log that grows).
 */
export function useEvents(topics: readonly string[], fn?: Listener) {
  const list = topics.join("\n");
  useEffect(() => hub.subscribe(list ? list.split("\n") : []), [list]);
  useEffect(() => (fn ? hub.listen(fn) : undefined), [fn]);
  return useQueryClient();
}

/** Whether events arrive: where they do not, queries look again by themselves (useLive). */
export function useEventStatus(): Status {
  return useSyncExternalStore(hub.watch, () => hub.status);
}

const SLOW_MS = 60_000;

/** refetchInterval for a query that events keep fresh: a rare look while they arrive, the server's own interval while not. */
export function useLive(pollSeconds = 10): number {
  return useEventStatus() === "live" ? SLOW_MS : Math.max(pollSeconds, 2) * 1000;
}
