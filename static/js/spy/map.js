/** Spy's map: a dot where each action came from. */

const MAX_DOTS = 150;
const DOT_RADIUS = 4;
const map = document.getElementById("spy-map");

/** Adds the dot of an action's list item, if its place is known, and removes the oldest dots. */
export function addDot(item) {
  if (!item.dataset.x || !map) return;
  const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  dot.setAttribute("class", "dot live");
  dot.setAttribute("cx", item.dataset.x);
  dot.setAttribute("cy", item.dataset.y);
  dot.setAttribute("r", DOT_RADIUS);
  map.append(dot);
  const dots = [...map.querySelectorAll(".dot")];
  for (const oldDot of dots.slice(0, -MAX_DOTS)) oldDot.remove();
}
