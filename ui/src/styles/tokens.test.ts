import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RUN_STATES, TASK_STATES } from "@/api/states";

const css = readFileSync("src/styles/tokens.css", "utf8");
const tokens = (block: string) => Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})\b/g)].map((m) => [m[1]!, m[2]!]));
const [lightText, darkText] = css.split(':root[data-theme="dark"]');
const themes = { light: tokens(lightText!), dark: { ...tokens(lightText!), ...tokens(darkText!) } };

/* WCAG's relative luminance and contrast. */
function luminance(hex: string) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}
function contrast(a: string, b: string) {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
  return (x! + 0.05) / (y! + 0.05);
}

describe.each(Object.entries(themes))("contrast, %s", (_name, t) => {
  const states = [...new Set([...RUN_STATES, ...TASK_STATES, "planned"])];
  it.each(states)("state %s", (s) => {
    expect(contrast(t[`s-${s}-fg`]!, t[`s-${s}-bg`]!)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(t[`s-${s}-fg`]!, t.surface!)).toBeGreaterThanOrEqual(4.5);
    // A planned run and one without a state are outlines that mean "nothing yet".
    expect(contrast(t[`s-${s}`]!, t.surface!)).toBeGreaterThanOrEqual(["planned", "removed", "none"].includes(s) ? 2 : 3);
  });
  it.each(["text", "text-2", "text-3", "accent-text", "danger-text", "warning-text", "success-text", "info-text"])("%s on all surfaces", (c) => {
    for (const bg of ["bg", "surface", "surface-2"]) expect(contrast(t[c]!, t[bg]!), bg).toBeGreaterThanOrEqual(4.5);
  });
  it("buttons and fields", () => {
    expect(contrast(t["accent-fg"]!, t.accent!)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(t["danger-fg"]!, t.danger!)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(t["control-border"]!, t.surface!)).toBeGreaterThanOrEqual(3);
    expect(contrast(t.focus!, t.surface!)).toBeGreaterThanOrEqual(3);
    expect(contrast(t["text-2"]!, t["surface-3"]!)).toBeGreaterThanOrEqual(4.5);
  });
});
