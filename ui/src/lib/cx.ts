/** Class names that are there: cx(a, cond && b). */
export const cx = (...names: (string | false | null | undefined)[]): string => names.filter(Boolean).join(" ");
