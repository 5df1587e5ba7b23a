/**
 * The on-site widget on a customer's page: a badge, and a frame of ours with the numbers, which the page cannot read.
 *
 * The server puts one line in front of the built file (WIRE.md, 6):
 *     var _fw={h:"stats.example.com",id:123,look:"pill",corner:"bottom-right",theme:"auto",label:"Analytics",color:"",all:0};
 * It needs of the page's policy: this script (by its host or a nonce), and frames of our host. It makes no request,
 * and writes no inline style or script.
 */
import { showBadge } from "./badge.js";
import { d, listen, place, w } from "./browser.js";
import { hideOverlay, showOverlay, watchScrolling } from "./overlay.js";

const FRAGMENT = "#_badge"; // the dashboard opens the site with it, so that this browser sees the badge from then on
const SEEN = "_fw_badge"; // in localStorage: this browser sees the badge
const OPEN = "_fw_open"; // in sessionStorage: the widget is open in this tab
const ADDRESS_MS = 1000; // how often an open widget looks for a new address
const EDGE = 12; // pixels
const WINDOW = "popup,width=460,height=560";
const LAYER = "2147483647";

const config = w._fw;
const page = d.documentElement;
const origin = (/^https?:/.exec(d.currentScript?.src) || [place.protocol])[0] + "//" + config.h;
const base = origin + "/widget/" + config.id;
let badge;
let frame;
let isOpening;
let address;

/** Reads, sets or (with "") removes a mark; nothing where the browser keeps none. */
const mark = (storage, name, value) => {
  try {
    const marks = w[storage];
    if (value) marks.setItem(name, value);
    else if (value == "") marks.removeItem(name);
    return marks.getItem(name);
  } catch {}
};

const setStyle = (element, style) =>
  Object.entries(style).forEach(([name, value]) => element.style.setProperty(name, value, "important"));

/** Returns the style of what floats in the chosen corner. */
const getCorner = edge => {
  const [vertical, horizontal] = config.corner.split("-");
  return { position: "fixed", "z-index": LAYER, [vertical]: EDGE + "px", [horizontal]: edge + "px" };
};

/** Returns the page's address as the tracker counts it: a hash only where it names a page. */
const getAddress = () => place.origin + place.pathname + place.search + (/^#[/!]/.test(place.hash) ? place.hash : "");

const tell = (kind, more) => frame?.contentWindow?.postMessage({ onsite: kind, ...more }, origin);

/** Tells the frame which page it is on, and whether somebody has pressed the badge. */
const tellPage = () => {
  address = getAddress();
  tell("page", { href: address, width: w.innerWidth, opening: isOpening });
};

const closeFrame = () => {
  frame?.remove();
  frame = 0;
  hideOverlay();
  mark("sessionStorage", OPEN, "");
  if (badge) setStyle(badge, { display: "inline-block" });
};

/** Loads the frame, out of sight until it says how large it is. */
const openFrame = isPressed => {
  if (frame) return;
  isOpening = isPressed;
  frame = d.createElement("iframe");
  frame.title = config.label;
  frame.referrerPolicy = "no-referrer";
  frame.src = base + "/frame";
  const scheme = config.theme == "auto" ? "light dark" : config.theme;
  setStyle(frame, { all: "initial", border: 0, width: "1px", height: "1px", visibility: "hidden" });
  setStyle(frame, { ...getCorner(EDGE), "color-scheme": scheme });
  page.appendChild(frame); // not into a shadow tree: the window finds frames of the document only
};

/** What the frame says. */
const answers = {
  ready: tellPage, // its load event may come much later: our window is in front of the page, so browsers delay it
  size({ wide, tall }) {
    const limits = { "max-width": "calc(100vw - 24px)", "max-height": "calc(100vh - 24px)" };
    setStyle(frame, { ...limits, width: wide + "px", height: tall + "px", visibility: "visible" });
    mark("sessionStorage", OPEN, "1");
    if (badge) setStyle(badge, { display: "none" });
  },
  closed: closeFrame,
  heatmap({ answer }) {
    showOverlay(answer);
  },
  clear: hideOverlay,
};

listen(w, "message", event => {
  if (frame && event.source == frame.contentWindow && event.origin == origin) answers[event.data?.onsite]?.(event.data);
});

const press = () => {
  w.open(base + "/open", "_fw" + config.id, WINDOW); // the same one again where it stayed open
  if (frame) closeFrame();
  openFrame(1);
};

const showBadgeOnPage = () => {
  const slot = d.querySelector("[data-onsite-badge]");
  const host = d.createElement("div");
  setStyle(host, { all: "initial", display: "inline-block" });
  if (!slot) setStyle(host, getCorner(config.look == "tab" ? 0 : EDGE));
  showBadge(host, config, !slot).onclick = press;
  badge = (slot || page).appendChild(host);
};

const start = () => {
  if (place.hash == FRAGMENT) {
    mark("localStorage", SEEN, "1");
    history.replaceState(history.state, "", place.pathname + place.search);
  }
  if (!config.all && !mark("localStorage", SEEN)) return;
  showBadgeOnPage();
  watchScrolling();
  setInterval(() => {
    if (frame && address && address != getAddress()) tellPage();
  }, ADDRESS_MS);
  if (mark("sessionStorage", OPEN)) openFrame();
};

if (d.readyState == "loading") listen(d, "DOMContentLoaded", start);
else start();
