/**
 * The numbers that stay until the new ones come. When the report is requested again, the server answers at once with
 * empty panels; these show what they showed before, paler, so that nothing blinks.
 */

/** Element id -> the element as it was before the report was replaced. */
let previousElements = new Map();

/** Remembers the report's numbers, and cancels requests for parts of the report that is about to go. */
export function rememberNumbers(event) {
  if (event.detail.target?.id !== "report") return;
  const elements = document.querySelectorAll("#report .data[id], #key-figures, #live");
  previousElements = new Map([...elements].map(element => [element.id, element]));
  for (const element of document.querySelectorAll("#key-figures, #panels > [hx-get]")) {
    window.htmx.trigger(element, "htmx:abort");
  }
}

/** Shows the previous numbers in the parts that still wait for theirs. */
export function showPreviousNumbers() {
  for (const [id, previous] of previousElements) {
    const element = document.getElementById(id);
    if (!element || element === previous || !element.closest("[aria-busy], #live")) continue;
    element.replaceChildren(...previous.childNodes);
    if (id === "live") continue; // the number of visitors online is not the report's: it is neither pale nor inert
    element.classList.add("previous-numbers");
    element.inert = true;
  }
  previousElements = new Map();
}
