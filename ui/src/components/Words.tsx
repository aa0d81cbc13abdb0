/** Text with `commands` in it, as the translations write them. */
export function Words({ text }: { text: string }) {
  return text.split("`").map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part));
}
