/** Where what opens at an element belongs: above all else, but in the same dialog or part of the page. */
export function landmarkOf(el: Element | null): Element {
  return el?.closest("dialog, #nav, main") ?? document.body;
}
