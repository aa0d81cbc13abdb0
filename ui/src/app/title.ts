/*
 * The tab's title and icon. Failures that nobody has looked at are counted on both: "(3) DAGs – Tradewind", and a red mark.
 */
let view = "";
let failures = 0;

function icon(n: number): string {
  const mark = n
    ? `<circle cx="24" cy="8" r="8" fill="#d92d34"/><text x="24" y="11.6" font-size="10.5" font-family="sans-serif" font-weight="700" fill="#fff" text-anchor="middle">${n > 9 ? "9+" : n}</text>`
    : "";
  return (
    "data:image/svg+xml," +
    encodeURIComponent(
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0f766e"/><g fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round"><path d="M6 12.500h12.200a3.6 3.6 0 1 0-3.4-4.9"/><path d="M6 17.500h17a3.4 3.4 0 1 1-3.2 4.6"/><path d="M6 22.500h8.2"/></g>${mark}</svg>`,
    )
  );
}

export function titleOf(name: string, n: number): string {
  return `${n ? `(${n > 99 ? "99+" : n}) ` : ""}${name ? `${name} – ` : ""}Tradewind`;
}

function show() {
  document.title = titleOf(view, failures);
}

export function setTitle(name: string) {
  view = name;
  show();
}

export function setFailures(n: number) {
  if (n === failures) return;
  failures = n;
  show();
  const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  if (link) link.href = n ? icon(n) : "/icon.svg";
}
