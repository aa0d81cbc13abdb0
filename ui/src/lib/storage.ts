/* What this browser remembers. Storage may be forbidden or full: then it is forgotten with the tab. */
const memory = new Map<string, string>();
const PREFIX = "tradewind.";

export function read(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name) ?? memory.get(name) ?? null;
  } catch {
    return memory.get(name) ?? null;
  }
}

export function write(name: string, value: string | null) {
  if (value === null) memory.delete(name);
  else memory.set(name, value);
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // kept in memory
  }
}
