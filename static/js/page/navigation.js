/** Rows of links that are wider than the screen. */

/** Scrolls each row so that the link of the current page is in its middle. */
export function scrollToCurrentLinks() {
  for (const row of document.querySelectorAll(".sections, .settings-nav")) {
    const link = row.querySelector("[aria-current]");
    if (!link || row.scrollWidth <= row.clientWidth) continue;
    const [outer, inner] = [row.getBoundingClientRect(), link.getBoundingClientRect()];
    row.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
  }
}
