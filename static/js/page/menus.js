/** Menus: `<details class="menu">`, which browsers open on their own but do not close. */

/**
 * Opens the menu that contains `selector` and focuses its first `field`.
 * @returns {boolean} whether the page has that menu
 */
export function openMenu(selector, field) {
  const menu = document.querySelector(selector)?.closest("details");
  if (!menu) return false;
  menu.open = true;
  menu.querySelector(field)?.focus();
  return true;
}

/**
 * Closes the open menus.
 * @param {Node} [exception] a node within the menu that stays open
 */
export function closeMenus(exception) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!exception || !menu.contains(exception)) menu.open = false;
  }
}

/** @param {KeyboardEvent} event */
export function closeMenusOnEscape(event) {
  if (event.key === "Escape") closeMenus();
}
