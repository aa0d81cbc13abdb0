/* A try's log from the server: all of it as it comes, then what is written behind that for as long as one looks. */
import { request } from "@/api/client";
import { tiPath } from "@/api/runs";

export interface Source {
  dag: string;
  run: string;
  task: string;
  index: number;
  attempt: number;
}

interface Line {
  timestamp?: string | null;
  event: string;
  level?: string | null;
}

const SLICE_MS = 12;
const pause = () => new Promise<void>((done) => setTimeout(done));

export const logPath = (s: Source) => tiPath(s.dag, s.run, s.task, -1, `/logs/${s.attempt}`);

/** Reads from a token on; gives each line, and at the end the token for what comes later. It lets the page breathe between slices. */
export async function readLog(source: Source, token: string | null, signal: AbortSignal, onLine: (l: Line) => void, onSlice: () => void): Promise<string | null> {
  const answer = await request("GET", logPath(source), undefined, {
    signal, headers: { Accept: "application/x-ndjson" }, query: { token, map_index: source.index >= 0 ? source.index : undefined },
  });
  const next = answer.headers.get("Continuation-Token");
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", begun = performance.now();
  for (;;) {
    const { done, value } = await reader.read();
    const text = rest + (value ?? "");
    let at = 0;
    for (let nl = text.indexOf("\n"); nl >= 0; nl = text.indexOf("\n", at)) {
      if (nl > at) onLine(JSON.parse(text.slice(at, nl)) as Line);
      at = nl + 1;
      if (performance.now() - begun > SLICE_MS) {
        onSlice();
        await pause();
        if (signal.aborted) return next;
        begun = performance.now();
      }
    }
    rest = text.slice(at);
    if (done) {
      if (rest.trim()) onLine(JSON.parse(rest) as Line);
      onSlice();
      return next;
    }
  }
}

/** All of it as a text file. */
export async function downloadLog(source: Source, name: string) {
  const parts: Blob[] = [];
  let lines: string[] = [];
  const pack = () => {
    if (lines.length) parts.push(new Blob([lines.join("\n"), "\n"]));
    lines = [];
  };
  await readLog(source, null, new AbortController().signal, (l) => lines.push(l.event), pack);
  pack();
  const url = URL.createObjectURL(new Blob(parts, { type: "text/plain" }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
