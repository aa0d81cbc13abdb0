/** Where an import error is: the last line of the file in a trace of Python's, or the first of our own messages (file.yaml:3:7: …). */
export function whereOf(trace: string, file: string): { line: number | null; column: number | null; reason: string } {
  const base = file.slice(file.lastIndexOf("/") + 1);
  const lines = trace.trimEnd().split("\n");
  let line: number | null = null, column: number | null = null, reason = "";
  for (const l of lines) {
    const py = /File "([^"]+)", line (\d+)/.exec(l);
    if (py && py[1]!.endsWith(base)) line = Number(py[2]);
    const at = l.indexOf(`${base}:`);
    const ours = at >= 0 ? /^:(\d+)(?::(\d+))?:?\s*(.*)$/.exec(l.slice(at + base.length)) : null;
    if (ours && !py && !reason) {
      line = Number(ours[1]);
      column = ours[2] ? Number(ours[2]) : null;
      reason = ours[3] || reason;
    }
  }
  if (!reason) reason = [...lines].reverse().find((l) => l.trim() && !/^\s/.test(l)) ?? lines[0] ?? "";
  return { line, column, reason };
}
