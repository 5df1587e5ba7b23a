/** Spy's list of actions: an item each, with the visitor's name and a running duration. */

const MAX_ITEMS = 300;
const MAX_TICKING_SECONDS = 300;

/**
 * Adds an action on top.
 * @param {HTMLElement} list
 * @param {string} html the list item, rendered by the server
 * @returns {HTMLElement | null} the item; null where there is none in `html`
 */
export function addAction(list, html) {
  const item = parseItem(html);
  if (!item) return null;
  item.dataset.since = Date.now();
  renameVisitor(list, item);
  list.prepend(item);
  while (list.children.length > MAX_ITEMS) list.lastElementChild.remove();
  return item;
}

function parseItem(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

/** Once an action has the visitor's name, the visit's earlier items get it too. */
function renameVisitor(list, item) {
  if (!("named" in item.dataset)) return;
  const name = item.querySelector(".visitor a").textContent;
  const visit = CSS.escape(item.dataset.visit);
  for (const other of list.querySelectorAll(`[data-visit="${visit}"]:not([data-named])`)) {
    other.dataset.named = "";
    other.querySelector(".visitor a").textContent = name;
  }
}

/** Lets the newest item of each visit count seconds, until the visitor seems to have left. */
export function updateDurations(list) {
  const updatedVisits = new Set();
  for (const item of list.children) {
    const { visit, since } = item.dataset;
    if (updatedVisits.has(visit)) continue;
    updatedVisits.add(visit);
    const seconds = Math.round((Date.now() - Number(since)) / 1000);
    if (!since || seconds > MAX_TICKING_SECONDS) continue;
    showDuration(item, Math.max(seconds, Number(item.dataset.seconds)));
  }
}

/**
 * Adds the engaged time that a page view reported.
 * @param {HTMLElement} list
 * @param {{view: string, seconds: number}} ping
 */
export function addEngagedTime(list, { view, seconds }) {
  const item = list.querySelector(`[data-view="${CSS.escape(view)}"]`);
  if (!item || view === "0") return;
  item.dataset.seconds = Number(item.dataset.seconds || 0) + seconds;
  showDuration(item, Number(item.dataset.seconds));
}

function showDuration(item, seconds) {
  item.querySelector(".duration").textContent = formatDuration(seconds);
}

function formatDuration(seconds) {
  if (seconds < 60) return `${seconds}s`;
  return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, "0")}s`;
}
