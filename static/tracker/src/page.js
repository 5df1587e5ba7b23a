/** Where: the page's address, title and referrer, and the automation signs of the browser. */
import { cleanText, custom, d, getGlobal, getSetting, nav, place, switches, w } from "./settings.js";

/** Returns the window whose page counts: the top one, where it can be read and the page does not say otherwise. */
const getWindow = () => {
  if (custom().track_iframe || custom().iframe) return w;
  try {
    return w.top.document ? w.top : w;
  } catch {
    return w;
  }
};

/** Returns path and query; a campaign in the hash moves into the query, `utm_custom[…]` is left out. */
export const getHref = () => {
  const { pathname, search, hash } = getWindow().location;
  let href = pathname + search;
  if (/utm_campaign=/.test(hash)) href += (search ? "&" : "?") + hash.slice(1).replace(/^.*\?/, "");
  return href.replace(/([?&])utm_custom(\[|%5B)[^&#]*&?/gi, "$1").replace(/[?&]$/, "");
};

/** Returns the hash where a router has its address there: `#/…` or `#!…`. Whether it is a page is the site's choice. */
const getRoute = () => (/^#[/!]/.test(getWindow().location.hash) ? getWindow().location.hash : "");

/** Returns the page's address as it is reported, which the page may set. */
export const getPageHref = () => getSetting("href", "pageview", "href") || getHref() + getRoute();

/** Returns what has to change for a new view: path and query, and the hash where the site said so. */
export const getViewAddress = () => getHref() + (switches.hash ? getRoute() : "");

export const getPageTitle = () =>
  cleanText(getSetting("title", "pageview", "title") || getGlobal("page_title") || getWindow().document.title);

export const stripWww = host => host.replace(/^www\./, "");

/** Returns the external page that led here; another page of the same host is none. */
export const getReferrer = () => {
  const url = getWindow().document.referrer;
  return stripWww(url.split("/")[2] || "") == stripWww(place.host) ? "" : url;
};

/** Returns the campaign parameters of the address, as a query string. */
export const getCampaign = () => (getHref().match(/\butm_\w+=[^&]*/g) || []).join("&");

// What the usual tools leave in the global objects.
const TOOLS = /\b(_phantom|callPhantom|__nightmare|\$?cdc_)/;

/** Lists what betrays an automated browser; empty in a person's. */
export const findAutomationSigns = () =>
  [
    nav.webdriver && "webdriver",
    TOOLS.test(Object.keys(w).concat(Object.keys(d))) && "tool",
    nav.languages && !nav.languages[0] && "nolang",
  ]
    .filter(Boolean)
    .join();

/** Returns screen, language, time zone and touch points. */
export const describeMachine = () => ({
  res: screen.width + "x" + screen.height,
  lang: nav.language || "xx",
  tz: Intl.DateTimeFormat().resolvedOptions().timeZone,
  tc: nav.maxTouchPoints,
});
