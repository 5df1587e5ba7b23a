/** Where: the page's address, title and referrer, and the automation signs of the browser. */
import {custom, d, nav, old, on, place, setting, text, w} from './settings.js';

/** The window whose page counts: the top one, where it can be read and the page does not say otherwise. */
const seen = () => {
  if (custom().track_iframe || custom().iframe) return w;
  try { return w.top.document ? w.top : w; } catch (e) { return w; }
};

/** Path and query; a campaign in the hash moves into the query, `utm_custom[…]` is left out. */
export const href = () => {
  const here = seen().location, hash = here.hash.slice(1);
  let found = here.pathname + here.search;
  if (/utm_campaign=/.test(hash)) found += (here.search ? '&' : '?') + hash.replace(/^.*\?/, '');
  return found.replace(/([?&])utm_custom(\[|%5B)[^&#]*&?/gi, '$1').replace(/[?&]$/, '');
};

/** The hash where a router keeps its address there: `#/…` or `#!…`. Whether it is a page of its own is the site's choice. */
const route = () => /^#[/!]/.test(seen().location.hash) ? seen().location.hash : '';
export const pageHref = () => setting('href', 'pageview', 'href') || href() + route();

/** What has to change for a new view: path and query, and the hash where the site said so. */
export const address = () => href() + (on.hash ? route() : '');
export const pageTitle = () => text(setting('title', 'pageview', 'title') || old('page_title') || seen().document.title);

export const bare = host => host.replace(/^www\./, '');

/** The external page that led here; another page of the same host is none. */
export const referrer = () => {
  const from = seen().document.referrer;
  return bare(from.split('/')[2] || '') == bare(place.host) ? '' : from;
};

/** The campaign words of the address, as a query string. */
export const campaign = () => (href().match(/\butm_\w+=[^&]*/g) || []).join('&');

// What the usual tools leave in the global objects.
const TOOLS = /\b(_phantom|callPhantom|__nightmare|\$?cdc_)/;

/** Words for what betrays an automated browser; empty in a person's. */
export const signs = () => [
  nav.webdriver && 'webdriver',
  TOOLS.test(Object.keys(w).concat(Object.keys(d))) && 'tool',
  nav.languages && !nav.languages[0] && 'nolang',
].filter(Boolean).join();

export const machine = () => ({
  res: screen.width + 'x' + screen.height, lang: nav.language || 'xx',
  tz: Intl.DateTimeFormat().resolvedOptions().timeZone, tc: nav.maxTouchPoints,
});
