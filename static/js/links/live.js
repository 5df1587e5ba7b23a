/** The page of live clicks: new ones are added on top as they happen. */
import { openLiveStream } from "../live-stream.js";

const MAX_ITEMS = 200;
const MAX_DESTINATION_LENGTH = 60;
const list = document.querySelector("[data-live]");
const state = document.querySelector("[data-live-state]");

/**
 * Adds a click, view or conversion on top.
 * @param {{time: string, what: string, unique: boolean, link: string, href: string, place: string, from: string,
 *   with: string, to: string}} hit
 */
function addHit(hit) {
  list.querySelector("[data-live-empty]")?.remove();
  const item = createElement("li", hit.what === "robot" ? "hit soft" : "hit");
  const link = createElement("a", "", hit.link);
  link.href = hit.href;
  const parts = [
    createElement("time", "", hit.time),
    createElement("span", hit.unique ? "chip small" : "chip small chip-quiet", hit.what),
    link,
    createElement("span", "soft small", describeOrigin(hit)),
  ];
  for (const part of parts) item.append(part, " ");
  list.prepend(item);
  while (list.children.length > MAX_ITEMS) list.lastElementChild.remove();
}

function describeOrigin(hit) {
  const origin = [hit.place, hit.from && `from ${hit.from}`, hit.with].filter(Boolean).join(" · ");
  return hit.to ? `${origin} → ${hit.to.slice(0, MAX_DESTINATION_LENGTH)}` : origin;
}

function createElement(name, className, text = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

function showState(text) {
  if (state) state.textContent = text;
}

if (list && window.EventSource) {
  openLiveStream(list.dataset.live, showState, { message: event => addHit(JSON.parse(event.data)) });
}
