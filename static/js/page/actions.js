/** What a click does on the elements that have one of these attributes; without scripts their links work. */
import { copyText } from "./copy.js";
import { openDialog } from "./dialog.js";
import { downloadPng } from "./image.js";
import { openSearch, openShortcutList } from "./shortcuts.js";
import { toggleTheme } from "./theme.js";

/** Attribute -> action. An element that has several does the first. */
const actions = {
  "data-theme-toggle": toggleTheme,
  "data-print": () => window.print(),
  "data-copy": copyText,
  "data-png": link => downloadPng(link.getAttribute("href")),
};
/** The same for links that open a dialog: with a modifier key they open their page in a new tab or window. */
const dialogs = {
  "data-dialog": link => openDialog(link.getAttribute("href"), link.dataset.dialog),
  "data-keys": openShortcutList,
  "data-palette": openSearch,
  "data-switch": openSearch,
};
const selector = ["data-exclude", ...Object.keys(actions), ...Object.keys(dialogs)].map(name => `[${name}]`).join();

/** Does what the clicked element, or the closest one around it, is marked for. */
export function handleClick(event) {
  const element = event.target.closest(selector);
  if (!element) return;
  if (element.dataset.exclude !== undefined) {
    excludeRow(event, element);
    return;
  }
  const action = findAction(element, actions);
  const opensElsewhere = event.metaKey || event.ctrlKey || event.shiftKey;
  if (!action && opensElsewhere) return;
  event.preventDefault();
  (action || findAction(element, dialogs))(element);
}

function findAction(element, table) {
  const name = Object.keys(table).find(attribute => element.hasAttribute(attribute));
  return table[name];
}

/** With Alt, the link of a table's row filters the row out; its address is in `data-exclude`. */
function excludeRow(event, link) {
  if (!event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  location.href = link.dataset.exclude;
}
