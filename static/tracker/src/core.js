/** The tracker: takes the page's snippet in whatever form, reports views and actions, and is `clicky` and `clickport`. */
import {
  beginView,
  getReach,
  getTimeout,
  getUnsentMs,
  startClock,
  takeAttention,
  view,
  watchAttention,
} from "./attention.js";
import { api, convertProperties, resendUnfinished, sendToSites, sites } from "./beacons.js";
import { watchForms } from "./forms.js";
import { watchHistory } from "./history.js";
import { stripOrigin, watchLinks } from "./links.js";
import {
  describeMachine,
  findAutomationSigns,
  getCampaign,
  getHref,
  getPageHref,
  getPageTitle,
  getReferrer,
  getViewAddress,
} from "./page.js";
import { loadPart, tracker } from "./parts.js";
import {
  beaconUrl,
  brand,
  cleanText,
  config,
  custom,
  d,
  getGlobal,
  getSetting,
  isNumber,
  isOff,
  listen,
  nav,
  place,
  prefixes,
  script,
  setSwitches,
  switches,
  w,
} from "./settings.js";
import {
  getCookie,
  getFirstSource,
  getIdentity,
  getStoredTagNames,
  getTags,
  isDeclined,
  mayStore,
  mayStoreTags,
  uid,
} from "./visitor.js";

const START_MS = 100; // the page may go on with its settings meanwhile
const MIN_PING_MS = 250;
const sitesById = {};
const earlyBeacons = []; // asked for before the first view was sent
const leaveListeners = []; // called when the page is hidden or left
let isStarted = 0;
let isScheduled = 0;
let isSilent = 0;
let hasView = 0;
let clientHints;

// The view of a new address, not sent yet, and the address of the view that was sent.
let sendPendingView = 0;
let lastAddress = "";

/** Whether a cookie of one of the sites is there, by which a browser is set to be ignored or to send views only. */
const hasSiteCookie = (...names) => names.some(name => sites.some(site => getCookie(name + site.site_id)));

const isReportable = feature => !isOff(feature) && switches[feature];

/** Takes goal and split of the page's settings, which go out once, with the next action. */
const takeGoalAndSplit = () => {
  const settings = custom();
  const goal = settings.goal || getGlobal("goal");
  const split = settings.split;
  settings.goal = settings.split = null;
  prefixes.forEach(prefix => {
    w[prefix + "_goal"] = null;
  });
  return { goal: goal && typeof goal == "object" ? nameGoal(goal) : goal, split };
};
const nameGoal = goal => (isNumber(goal.id) || !goal.id ? goal : { name: goal.id, revenue: goal.revenue });

/** What only actions carry, as opposed to pings and heatmaps. */
const getActionData = data => ({
  custom: convertProperties(getTags()),
  ...describeMachine(),
  ...clientHints,
  ...takeGoalAndSplit(),
  ...(data.goal ? { goal: data.goal } : 0),
});

/** Sends a beacon of `type` to every site, or to `only` one; before the first view was sent, it waits for that. */
const sendBeacon = (type, data, only) => {
  const isView = type == "pageview";
  if (isSilent || (hasSiteCookie("unpoco_") && !isView)) return;
  if (!isStarted) return earlyBeacons.push([type, data, only]);
  const identity = getIdentity();
  const isAction = type != "ping" && type != "heatmap";
  if (sendPendingView && isAction) sendPendingView();
  const beacon = {
    type,
    ...data,
    ...(data.untyped ? takeSource() : 0),
    page: isView && !data.untyped ? "" : getPageHref(),
    host: place.host,
    ...identity,
    timeout: getTimeout(),
    wd: findAutomationSigns(),
    ...(type == "heatmap" ? { vid: view.id } : takeAttention()),
    ...(isAction ? getActionData(data) : 0),
  };
  sendToSites(beacon, only);
  tracker.updateCookies?.();
};

/** Takes referrer and campaign, which go with the first view, or with what the server may make the first view. */
const takeSource = only => {
  if (hasView && !only) return {};
  hasView = 1;
  tracker.firstSource = getFirstSource(getReferrer(), getCampaign());
  return tracker.firstSource;
};

const sendPing = () => {
  if (isReportable("ping")) sendBeacon("ping", {});
};

const handleLeave = () => {
  start();
  if (sendPendingView) sendPendingView();
  leaveListeners.forEach(listener => listener());
  if (getUnsentMs() > MIN_PING_MS) sendPing();
};

/** Sends a page view: the time of the one before is sent first. */
const sendView = (path, title, type, only, untyped) => {
  sendPendingView = 0;
  if (hasView && !only) {
    handleLeave();
    beginView();
  }
  const source = takeSource(only);
  lastAddress = getViewAddress(); // where the browser is, whatever the page calls it
  if (!only) startClock(sendPing);
  sendBeacon(
    type || "pageview",
    { href: stripOrigin(path), title, untyped, ...source, osa: getCookie("_cky_osa") },
    only,
  );
};

const sendPageView = only => sendView(getPageHref(), getPageTitle(), getSetting("type", "pageview", "type"), only);

/**
 * Reports an action of the page. Without a type it is a click, or a view where the site said so; which of them, the
 * server decides for each site.
 */
const log = (path, title, type) => {
  if (!path) return;
  path = String(path);
  const untyped = type ? "" : 1;
  type = type || (switches.log && !/^#(?![/!])/.test(path) ? "pageview" : "click");
  if (type == "pageview") {
    sendView(path.replace(/^[a-z]+:\/\/[^/]+/i, ""), cleanText(title || getPageTitle()), type, 0, untyped);
  } else sendBeacon(type, { href: type == "outbound" ? path : stripOrigin(path), title: cleanText(title), untyped });
};

const goal = (id, revenue) => {
  if (id || id === 0) sendBeacon("goal", { goal: { [isNumber(id) ? "id" : "name"]: id, revenue } });
};

const track = (name, properties, money) => {
  if (!name) return;
  sendBeacon("event", {
    name: cleanText(name),
    prop: convertProperties(properties),
    revenue: money?.amount,
    currency: money && (money.currency || "USD"),
  });
};

const sendForm = (name, id, plugin) => {
  if (isReportable("form")) sendBeacon("form", { name: cleanText(name), prop: { id, plugin } });
};

/**
 * Reports a new address without a new document; the page may report it itself within the quarter of a second. A title
 * that has not changed by then is waited for, 400 milliseconds at most and no longer than until something else is sent.
 * An address that was replaced and does not count is from then on the one of the view that was sent.
 */
const handleAddressChange = (kind, isReplaced) => {
  if (sendPendingView) sendPendingView();
  const title = getPageTitle();
  let rounds = 5;
  const settle = () => {
    const address = getViewAddress();
    const path = getPageHref();
    if (!isStarted || address == lastAddress || custom().history_disable || isOff("pageview")) return;
    if (kind && !switches[kind]) {
      if (isReplaced && !sendPendingView) lastAddress = address;
      return;
    }
    sendPendingView = () => {
      sendView(path, getPageTitle(), getSetting("type", "pageview", "type"));
      lastAddress = address;
    };
    if (--rounds && getPageTitle() == title) setTimeout(settle, 100);
    else sendPendingView();
  };
  setTimeout(settle, 250);
};

/** Takes the site's answer, which decides on cookies and on the parts. */
const handleAnswer = answer => {
  setSwitches(answer);
  if (switches.cookie || getCookie("_jsuid")) loadPart("keep");
  if (answer.stop) isSilent = 1;
  if (switches.heat && !isOff("heatmap")) loadPart("heat");
  if (switches.media || custom().html_media_track) loadPart("media");
  if (isReportable("osa")) loadPart("widget");
};

/** Sends the first view, and what waited for it; at once when the page is left before its time. */
const start = () => {
  if (isStarted || d.prerendering || !sites.length) return;
  isSilent = isDeclined() || getCookie("_cky_ignore") || hasSiteCookie("_no_tracky_", "no_trackyy_");
  isStarted = 1;
  if (/^#_(osa|heatmap)/.test(place.hash)) loadPart("widget");
  if (isSilent) return;
  const beacons = earlyBeacons.splice(0);
  resendUnfinished();
  if (!isOff("pageview")) sendPageView();
  beacons.forEach(beacon => sendBeacon(...beacon));
};

/** Starts soon; a page that is rendered ahead starts when it is shown, which may be before the time is over. */
const scheduleStart = () => {
  if (isScheduled) return;
  isScheduled = 1;
  listen(d, "prerenderingchange", start);
  setTimeout(start, START_MS);
};

/** Adds a site by number, or by domain where that is all the page knows. */
const init = id => {
  id = String(id || "").trim();
  if (!id || id == "0" || sitesById[id]) return;
  const site = isNumber(id) ? { site_id: id } : { domain: id };
  sitesById[id] = site;
  sites.push(site);
  if (isStarted && !isOff("pageview")) sendPageView(site);
  scheduleStart();
};

const getDataAttribute = (element, name) => element?.getAttribute("data-" + name);

/** Adds the sites that the page names in any form, and those that it adds to its list later. */
const addSites = (element, id) => {
  [
    getDataAttribute(element, "id"),
    id,
    getDataAttribute(element, "site") || getDataAttribute(element, "domain"),
    getGlobal("site_id"),
    w.async_site_id,
  ].forEach(init);
  prefixes.forEach(prefix => {
    const ids = [].concat(w[prefix + "_site_ids"] || []);
    ids.forEach(init);
    ids.push = (...more) => more.forEach(init);
    w[prefix + "_site_ids"] = ids;
  });
};

/**
 * Sets the globals by which the page speaks, also in the place of a stub. Under a brand, `clicky` is set unless another
 * tracker has it.
 */
const setGlobals = () => {
  prefixes.forEach(prefix => {
    if (prefix == brand || !w[prefix]?.init) w[prefix] = w[prefix + "_obj"] = api;
  });
  w._cgen = api;
  if (brand != "clicky") w._genericStats = api;
  else if (w.clickport?.track != track) {
    const calls = w.clickport?.q || [];
    w.clickport = { track };
    calls.forEach(call => track(...call));
  }
};

const watchPage = () => {
  if (custom().getHighEntropyValues) {
    nav.userAgentData?.getHighEntropyValues(["platformVersion", "model"]).then(({ platformVersion, model }) => {
      clientHints = { hep: platformVersion, hem: model };
    });
  }
  watchAttention(handleLeave, sendPing);
  watchHistory(handleAddressChange);
  watchLinks(log);
  watchForms(loadPart);
  listen(w, "pageshow", event => {
    if (event.persisted && isStarted && !isOff("pageview")) sendPageView();
  });
};

// What pages call. `on` is called by answers that come as scripts.
Object.assign(api, {
  init,
  log,
  goal,
  track,
  on: handleAnswer,
  pageview(onlyFirst) {
    if (!onlyFirst || !hasView) sendPageView();
  },
  pause() {},
  get_href: getHref,
  get_cookie: getCookie,
  set_cookie: (...args) => loadPart("keep", () => tracker.setCookie(...args)),
  sitekey: () => switches.osa,
  video: (action, time, url, title) =>
    sendBeacon("video", { video: { action, time }, href: stripOrigin(url || getHref()), title: cleanText(title) }),
  custom_data(data) {
    if (data) {
      custom().visitor = { ...custom().visitor, ...data };
      sendBeacon("custom", {});
    }
    return getTags();
  },
  heatmap: (...args) => loadPart("widget", () => tracker.requestHeatmap(...args)),
  onsitestats: () => loadPart("widget", () => tracker.showWidget()),
});

Object.assign(tracker, {
  sendBeacon,
  sendForm,
  leaveListeners,
  getPageHref,
  getReach,
  sites,
  view,
  getCookie,
  getStoredTagNames,
  mayStore,
  switches,
  mayStoreTags,
  getTags,
  uid,
});

const loaded = w._cgen;
if (loaded?.own == brand + beaconUrl)
  loaded.again(script, config.id); // then only its globals and sites are new
else {
  api.own = brand + beaconUrl;
  api.again = (element, id) => {
    setGlobals();
    addSites(element, id);
  };
  setGlobals();
  w._cgen_custom = custom();
  watchPage();
  addSites(script, config.id);
}
