/** Keyboard shortcuts. The page `/keys` lists them. */
import { openDialog } from "./dialog.js";
import { openMenu } from "./menus.js";
import { toggleTheme } from "./theme.js";

const shortcuts = {
  "/": focusSearch,
  "?": openShortcutList,
  c: () => openMenu("[data-compare]", "a"),
  d: toggleTheme,
  e: () => openMenu("[data-export] > summary", "a") || openMenu("[data-picture] > summary", "a"),
  s: openSpy,
  x: () => document.querySelector("[data-clear]")?.click(),
};

/** Does what the pressed key stands for: a shortcut, a period's letter, or the number of a site. */
export function handleShortcut(event) {
  if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openSearch();
    return;
  }
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  const hasModifier = event.metaKey || event.ctrlKey || event.altKey;
  if (isTyping || hasModifier || document.querySelector("dialog[open]")) return;
  const key = event.key.toLowerCase();
  const period = document.querySelector(`[data-key="${CSS.escape(event.key.toUpperCase())}"]`);
  if (shortcuts[key]) shortcuts[key]();
  else if (period) period.click();
  else if (/^[0-9]$/.test(key)) goToSite(Number(key));
  else return;
  event.preventDefault();
}

/** Opens the list of sites and pages to go to. */
export function openSearch() {
  openDialog("/go", "Go anywhere");
}

export function openShortcutList() {
  openDialog("/keys", "Keyboard shortcuts");
}

function focusSearch() {
  const field = document.querySelector("[data-search]");
  if (field) field.focus();
  else openMenu("[data-filter]", 'select, input:not([type="hidden"])');
}

function openSpy() {
  const { site } = document.body.dataset;
  if (site) location.href = `/sites/${site}/spy`;
}

/** Goes to the `number`-th site; 0 is the page of all sites. The server knows the order. */
function goToSite(number) {
  const here = encodeURIComponent(location.pathname + location.search);
  location.href = `/go?site=${number}&from=${here}`;
}
