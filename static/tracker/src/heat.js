/** Lazy part: where on the page people click, how deep they look, and which clicks go wrong. Rows as in WIRE.md, 4. */
import { d, getSetting, isOff, listen, w } from "./settings.js";

const FLUSH_MS = 5000;
const MAX_ROWS = 10;
const RAGE_CLICKS = 3;
const RAGE_MS = 1000;
const RAGE_PX = 30;
const DEAD_MS = 600;
const KIND = 4; // the column of a row
const NEVER_DEAD = "input,select,textarea,label,video,audio,option,[contenteditable]";

const page = d.documentElement;
const recentClicks = [];
let tracker;
let rows = [];
let lastEvent;
let reportedReach = 0;
let reportedView = "";

/** Whether an id looks written by hand: a generated one would not be there on the next page load. */
const isStableId = id => /^[a-z][\w-]{0,60}$/i.test(id) && !/\d{3,}|^(ember|radix|react|headlessui)/i.test(id);

const buildStep = element => {
  let position = 1;
  for (let other = element.previousElementSibling; other; other = other.previousElementSibling) {
    if (other.localName == element.localName) position++;
  }
  return element.localName + ":nth-of-type(" + position + ")";
};

/** Builds a selector that finds the element at every width: from the nearest stable id down by type and position. */
const buildSelector = element => {
  const steps = [];
  for (; element && element != page && element != d.body; element = element.parentElement) {
    const byId = "#" + element.id;
    if (isStableId(element.id) && d.querySelectorAll(byId).length == 1) return [byId, ...steps].join(">");
    steps.unshift(buildStep(element));
  }
  return ["body", ...steps].join(">");
};

const escapeBars = text => String(text).replace(/\|/g, "%7C");
const getPerMille = (part, length) => Math.round((1000 * part) / (length || 1));

const sendRows = () => {
  if (!rows.length || isOff("heatmap")) return;
  tracker.sendBeacon("heatmap", {
    heatmap: rows.map(row => row.join("|")),
    vw: w.innerWidth,
    lw: page.scrollWidth,
    lh: page.scrollHeight,
  });
  rows = [];
};

/** Whether this is the third of three quick clicks on one spot, which is one of rage. */
const isRageClick = (x, y, time) => {
  recentClicks.push([x, y, time]);
  const isOld = click => time - click[2] > RAGE_MS || Math.hypot(x - click[0], y - click[1]) > RAGE_PX;
  while (isOld(recentClicks[0])) recentClicks.shift();
  if (recentClicks.length < RAGE_CLICKS) return false;
  recentClicks.length = 0;
  return true;
};

const describePosition = () =>
  [location.href, w.pageXOffset, w.pageYOffset, d.activeElement && buildSelector(d.activeElement)].join();

/** Makes a click after which nothing moves, changes or is selected a dead one. */
const markIfDead = (row, target) => {
  if (row[KIND] != "click" || target.closest(NEVER_DEAD)) return;
  let isAlive = String(w.getSelection()) != "";
  const position = describePosition();
  const observer = new MutationObserver(() => {
    isAlive = true;
  });
  [d, target.getRootNode()].forEach(root => {
    observer.observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
  });
  setTimeout(() => {
    observer.disconnect();
    if (!isAlive && position == describePosition()) row[KIND] = "dead";
  }, DEAD_MS);
};

const recordClick = event => {
  // What lies within a component is recorded at the component: no selector of the page finds it.
  const nodes = event.composedPath();
  const target = nodes.find(node => node.getRootNode?.() == d);
  if (event == lastEvent || !target?.getBoundingClientRect || isOff("heatmap")) return;
  lastEvent = event;
  const box = target.getBoundingClientRect();
  const row = [
    escapeBars(tracker.getPageHref()),
    Math.round(event.pageX),
    Math.round(event.pageY),
    w.innerWidth,
    isRageClick(event.pageX, event.pageY, event.timeStamp) ? "rage" : "click",
    getPerMille(event.clientX - box.left, box.width),
    getPerMille(event.clientY - box.top, box.height),
    escapeBars(buildSelector(target)),
  ];
  rows.push(row);
  markIfDead(row, nodes[0]);
  if (rows.length >= MAX_ROWS) sendRows();
};

const recordReach = () => {
  const reach = Math.round(tracker.getReach());
  if (reach > reportedReach || reportedView != tracker.view.id) {
    rows.push([escapeBars(tracker.getPageHref()), 0, reach, w.innerWidth, "reach", 0, 0, ""]);
  }
  reportedReach = reach;
  reportedView = tracker.view.id;
  sendRows();
};

/** Listens to the elements, or selectors, whose clicks the page stops before they reach the document. */
const watchObjects = () => {
  for (const object of [].concat(getSetting("heatmap_objects", "heatmap", "objects") || [])) {
    const elements = typeof object == "string" ? [...d.querySelectorAll(object)] : [].concat(object);
    for (const element of elements) listen(element, "click", recordClick);
  }
};

w._cgen.use(core => {
  tracker = core;
  listen(d, "click", recordClick);
  watchObjects();
  setInterval(sendRows, FLUSH_MS);
  tracker.leaveListeners.push(recordReach);
}, "heat");
