/** Lazy part: who is here, and the heatmap over the page, for the site's owner. The numbers come as scripts (WIRE.md, 5). */
import { getColours, hideOverlay, showOverlay, watchScrolling } from "./overlay.js";
import { beaconUrl, config, d, place, w } from "./settings.js";

const MINUTE_MS = 60000;
const HOST_STYLE = "all:initial;position:fixed;right:12px;bottom:12px;z-index:2147483647";
const PANEL_STYLE =
  "font:13px/1.5 system-ui,sans-serif;color:#222;background:#fff;border:1px solid #999;border-radius:8px;padding:8px 12px;max-width:300px";

const api = w._cgen;
const server = config.h ? beaconUrl.slice(0, beaconUrl.indexOf(config.h) + config.h.length) : place.origin;
// What the dashboard put behind `#`: what to show, the owner's token, and the dashboard's filters.
const [, shown, token, filters] = /^#_(osa|heatmap)(?:=([\w.-]+))?&?(.*)/.exec(place.hash) || [];
let tracker;
let openedAt = 0;
let panel;

/** Stores the token for this site and takes it out of the address. */
const storeToken = () => {
  const secure = place.protocol == "https:" ? ";secure" : "";
  d.cookie = "_cky_osa=" + token + ";path=/;max-age=3600;samesite=lax" + secure;
  history.replaceState(history.state, "", place.pathname + place.search);
};

/** Requests numbers; the answer is a script that calls `api.onsite`. */
const requestNumbers = (path, parameters) => {
  const all = {
    site_id: tracker.sites[0]?.site_id,
    sitekey: token || tracker.switches.osa || tracker.getCookie("_cky_osa"),
    href: tracker.getPageHref(),
    domain: place.hostname,
    w: w.innerWidth,
    h: w.innerHeight,
    x: Math.random(),
    ...parameters,
  };
  const pairs = Object.entries(all).filter(([, value]) => value != null);
  const query = pairs.map(([key, value]) => key + "=" + encodeURIComponent(value)).join("&");
  const more = filters && path == "/heatmap" ? "&" + filters : "";
  api.inject(server + "/ajax/onsitestats" + path + "?" + query + more);
};

/** Requests the numbers every minute for five minutes, then every five for an hour, while the page is visible. */
const refresh = () => {
  const age = Date.now() - openedAt;
  if (age > 65 * MINUTE_MS) return;
  const wait = age < 5 * MINUTE_MS ? MINUTE_MS : 5 * MINUTE_MS;
  setTimeout(() => {
    if (!d.hidden) requestNumbers("/", { refresh: 1 });
    refresh();
  }, wait);
};

const addElement = (parent, name, text, style) => {
  const element = d.createElement(name);
  element.style.cssText = style || "";
  element.textContent = text || "";
  return parent.appendChild(element);
};

const addButton = (parent, text, listener) => {
  addElement(parent, "button", text, "margin:2px").onclick = listener;
};

/** Opens the panel, in a shadow tree so that the page's styles do not reach it. */
const openPanel = () => {
  const host = addElement(d.documentElement, "div", "", HOST_STYLE);
  panel = addElement(host.attachShadow({ mode: "open" }), "div", "", PANEL_STYLE);
  const button = addElement(panel, "button", "\u00d7", "float:right");
  button.ariaLabel = "Close";
  button.onclick = () => {
    host.remove();
    hideOverlay();
    panel = 0;
  };
};

/** Returns the panel's section of this name, emptied. */
const clearSection = name => {
  if (!panel) openPanel();
  const section = [...panel.children].find(({ id }) => id == name) || addElement(panel, "div");
  section.id = name;
  section.textContent = "";
  return section;
};

const requestVisitors = (page, sub) => requestNumbers("/visitors", { page, sub });
const requestHeatmap = (date, sub, subitem) => requestNumbers("/heatmap", { date, sub, subitem });

/** Shows an answer, by its kind. */
const show = {
  stats(answer) {
    const section = clearSection("now");
    addElement(section, "b", answer.site + " on site, " + answer.page + " on page");
    addElement(section, "div", answer.visitors + " visitors, " + answer.views + " views of this page today");
    answer.sources.forEach(([name, count]) => addElement(section, "div", count + " " + name));
    addButton(section, "Visitors", () => requestVisitors(1));
    addButton(section, "Heatmap", () => requestHeatmap());
  },
  visitors(answer) {
    const section = clearSection("people");
    answer.visits.forEach(visit => addElement(section, "div", visit.name + ", " + visit.place + ": " + visit.page));
    if (answer.more) addButton(section, "More", () => requestVisitors(answer.number + 1));
  },
  heatmap(answer) {
    const section = clearSection("heat");
    const halfReach = answer.reach.filter(share => share >= 0.5).length - 1; // in twentieths of the page
    const maxClicks = showOverlay(answer);
    addElement(section, "b", answer.clicks + " clicks in " + answer.visits + " visits");
    addElement(section, "div", answer.rage + " of rage, " + answer.dead + " dead");
    if (answer.views) {
      addElement(section, "div", "Half of " + answer.views + " views saw " + 5 * halfReach + "% of the page");
    }
    const legend = addElement(section, "div", "One spot: 1 ");
    getColours().forEach(colour =>
      addElement(legend, "span", "", "display:inline-block;width:16px;height:10px;background:" + colour),
    );
    addElement(legend, "span", " " + maxClicks);
  },
};

w._cgen.use(core => {
  tracker = core;
  if (token) storeToken();
  api.onsite = (kind, answer) =>
    answer.failed ? addElement(clearSection("now"), "div", answer.failed) : show[kind](answer);
  watchScrolling();
  tracker.showWidget = () => {
    if (openedAt) return;
    openedAt = Date.now();
    requestNumbers("/");
    refresh();
  };
  api.visitors = requestVisitors;
  tracker.requestHeatmap = requestHeatmap;
  if (shown == "heatmap") requestHeatmap();
  if (shown == "osa" || tracker.switches.osa) tracker.showWidget();
}, "widget");
