/**
 * The script of every page: theme, keyboard shortcuts, dialogs, menus, and what htmx leaves to the page.
 * Pages work without it; it makes them quicker to use.
 */
import { handleClick } from "./page/actions.js";
import { setCookie } from "./page/cookies.js";
import { addCopyButtons } from "./page/copy.js";
import { closeMenus, closeMenusOnEscape } from "./page/menus.js";
import { scrollToCurrentLinks } from "./page/navigation.js";
import { handleShortcut } from "./page/shortcuts.js";
import { showLoadingError } from "./report/errors.js";
import { rememberNumbers, showPreviousNumbers } from "./report/previous-numbers.js";
import { keepOpenTabs } from "./report/tabs.js";

/** Prepares what the page, or a part that htmx put into it, contains. */
function prepareContent() {
  addCopyButtons();
  scrollToCurrentLinks();
  for (const button of document.querySelectorAll("[data-print][hidden], [data-png][hidden]")) button.hidden = false;
}

setCookie("js", "1"); // scripts run here, so the server sends panels that load on their own

document.addEventListener("keydown", handleShortcut);
document.addEventListener("keydown", closeMenusOnEscape);
// In the capture phase, so that a click is handled before htmx follows the link
document.addEventListener("click", event => closeMenus(event.target), true);
document.addEventListener("click", handleClick, true);

document.addEventListener("htmx:configRequest", keepOpenTabs);
document.addEventListener("htmx:responseError", showLoadingError);
document.addEventListener("htmx:sendError", showLoadingError);
document.addEventListener("htmx:beforeSwap", rememberNumbers);
// Not before the swap has settled: until then htmx gives new parts the attributes of the old ones
document.addEventListener("htmx:afterSettle", showPreviousNumbers);
document.addEventListener("htmx:afterSettle", prepareContent);
document.addEventListener("DOMContentLoaded", prepareContent);
