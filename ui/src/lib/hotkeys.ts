/*
 * Keys. useHotkeys({ "mod+k": open, "g d": toDags, "?": help, j: next }) for as long as its component lives; the newest listener that knows the
 * key gets it. Keys without a modifier are not taken from fields, nor from dialogs that are above their component.
 */
import { useEffect, useRef } from "react";

type Keys = Record<string, (e: KeyboardEvent) => void>;
interface Listener {
  keys: () => Keys;
  layer: number; // dialogs open when it came
}

const stack: Listener[] = [];
let pending = "";
let pendingTimer = 0;
const SEQUENCE_MS = 900;

export const isMac = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);

/** "mod+k", "shift+enter", "j", "?" */
export function keyName(e: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">): string {
  const key = e.key.length === 1 ? e.key.toLowerCase() : e.key.toLowerCase().replace("arrow", "");
  const printable = e.key.length === 1;
  return [
    (isMac ? e.metaKey : e.ctrlKey) && "mod",
    e.altKey && "alt",
    e.shiftKey && (!printable || /[a-z]/.test(key)) && "shift",
    key === " " ? "space" : key,
  ].filter(Boolean).join("+");
}

export function isTyping(target: EventTarget | null): boolean {
  const el = target as HTMLElement | null;
  if (!el || !el.tagName) return false;
  if (el.isContentEditable || el.tagName === "TEXTAREA" || el.tagName === "SELECT") return true;
  return el.tagName === "INPUT" && !["checkbox", "radio", "button", "submit", "range"].includes((el as HTMLInputElement).type);
}

const layers = () => document.querySelectorAll("dialog[open]").length;

function onKey(e: KeyboardEvent) {
  if (e.defaultPrevented || e.isComposing || ["Control", "Shift", "Alt", "Meta"].includes(e.key)) return;
  const name = keyName(e);
  const bare = !name.includes("mod+") && !name.includes("alt+");
  if (bare && name !== "escape" && isTyping(e.target)) return;
  const sequence = pending ? `${pending} ${name}` : "";
  const now = layers();
  window.clearTimeout(pendingTimer);
  pending = "";
  for (const want of sequence ? [sequence, name] : [name]) {
    for (let i = stack.length - 1; i >= 0; i--) {
      const l = stack[i]!;
      if (bare && l.layer < now) continue;
      const keys = l.keys();
      if (keys[want]) {
        e.preventDefault();
        keys[want](e);
        return;
      }
      if (want === name && Object.keys(keys).some((k) => k.startsWith(`${name} `))) {
        pending = name;
        pendingTimer = window.setTimeout(() => (pending = ""), SEQUENCE_MS);
        return;
      }
    }
  }
}

export function useHotkeys(keys: Keys, enabled = true) {
  const current = useRef(keys);
  useEffect(() => {
    current.current = keys;
  });
  useEffect(() => {
    if (!enabled) return;
    const l: Listener = { keys: () => current.current, layer: layers() };
    if (!stack.length) window.addEventListener("keydown", onKey);
    stack.push(l);
    return () => {
      stack.splice(stack.indexOf(l), 1);
      if (!stack.length) window.removeEventListener("keydown", onKey);
    };
  }, [enabled]);
}

/** How a key is written for people. */
export function keyLabel(key: string): string[] {
  const words: Record<string, string> = {
    mod: isMac ? "⌘" : "Ctrl", shift: "⇧", alt: isMac ? "⌥" : "Alt", enter: "↵", escape: "Esc", up: "↑", down: "↓", left: "←", right: "→", space: "␣",
  };
  return key.split(/[+ ]/).map((k) => words[k] ?? (k.length === 1 ? k.toUpperCase() : k));
}
