/** Beacons on their way: one per site, each with its own number, by the best road the browser leaves open. */
import { beaconUrl, brand, createId, d, nav, place, script, switches, w } from "./settings.js";
import { mayStore } from "./visitor.js";

const MAX_VALUE_LENGTH = 2000;
const MAX_STORED = 20;
const STORAGE_KEY = "_eventqueue";

/** The sites that get beacons: `{site_id}`, or `{domain}` where that is all the page knows. */
export const sites = [];
let isFetchForbidden = !w.fetch; // by the page's connect-src, and sendBeacon with it

/** Encodes as `&a=1&b[c]=2`; empty values are left out, long ones cut. */
const encodeQuery = (value, key) => {
  if (value && typeof value == "object") {
    const isArray = Array.isArray(value);
    return Object.keys(value)
      .map(name => encodeQuery(value[name], key ? key + "[" + (isArray ? "" : name) + "]" : name))
      .join("");
  }
  if (!value && value !== 0) return "";
  return "&" + encodeURIComponent(key) + "=" + encodeURIComponent(String(value).slice(0, MAX_VALUE_LENGTH));
};

const convertToText = value => {
  try {
    value = value.toJSON?.() ?? value;
    return typeof value == "object" ? JSON.stringify(value) : typeof value == "function" ? "" : String(value);
  } catch {
    return String(value);
  }
};

/** Converts properties as the page gave them to text: arrays and objects as JSON. null, undefined and NaN are left out. */
export const convertProperties = properties => {
  const texts = {};
  for (const [key, value] of Object.entries((typeof properties == "object" && properties) || {})) {
    if (value != null && !Number.isNaN(value)) texts[key] = convertToText(value);
  }
  return texts;
};

const getOrigin = url => new URL(url, place.href).origin;

/**
 * The policy by which pages with Trusted Types get a script's address. It is called like the page's globals and passes
 * only what comes from where the beacons go; a page that allows no such policy gets the address as it is.
 */
let policy;
const createScriptUrl = url => {
  if (!policy) {
    try {
      policy = w.trustedTypes.createPolicy(brand, {
        createScriptURL: url => (getOrigin(url) == getOrigin(beaconUrl) ? url : ""),
      });
    } catch {
      policy = { createScriptURL: url => url };
    }
  }
  return policy.createScriptURL(url);
};

/** Loads a script; the page may have put its own function in this one's place. True where the page forbids it. */
const inject = (url, done) => {
  const element = d.createElement("script");
  try {
    element.src = createScriptUrl(url);
  } catch {
    return true;
  }
  element.nonce = script?.nonce || "";
  element.onload = done;
  d.documentElement.appendChild(element);
};
/** The object that pages know as `clicky`. */
export const api = { inject };

const readAnswer = reply => {
  const match = /\.on\((\{.*\})\)/.exec(reply);
  if (match) api.on(JSON.parse(match[1]));
};

let unfinished = [];
const storeUnfinished = () => {
  if (!mayStore()) return;
  try {
    sessionStorage[STORAGE_KEY] = JSON.stringify(unfinished.slice(-MAX_STORED));
  } catch {} // then it is not stored
};

/** Sends as a script: it may die with the page, so where storing is allowed it is stored until it arrived. */
const sendAsScript = url => {
  unfinished.push(url);
  storeUnfinished();
  const isForbidden = api.inject(url, () => {
    unfinished = unfinished.filter(other => other != url);
    storeUnfinished();
  });
  if (isForbidden === true) new Image().src = url;
};

/** Sends again what the page before could not finish; the beacon's number keeps it from counting twice. */
export const resendUnfinished = () => {
  try {
    JSON.parse(sessionStorage[STORAGE_KEY] || "[]").forEach(sendAsScript);
  } catch {} // no storage, nothing stored
};

const sendUrl = (url, readsAnswer) => {
  if (api.inject != inject && readsAnswer) api.inject(url);
  else if (isFetchForbidden) sendAsScript(url);
  else if (readsAnswer || !nav.sendBeacon || !nav.sendBeacon(url)) {
    fetch(url, { keepalive: true })
      .then(response => response.text())
      .then(readAnswer, () => {
        isFetchForbidden = 1;
        sendAsScript(url);
      });
  }
};

/**
 * Sends `data` to every site, or to `only` one of them. The answer is read of page views, and of what the server may
 * make one as long as there was no answer.
 */
export const sendToSites = (data, only) => {
  const readsAnswer = data.type == "pageview" || (data.untyped && switches.log == null);
  (only ? [only] : sites).forEach(site => {
    const query = encodeQuery({ ...site, ...data, mime: "js", x: createId() + createId() });
    sendUrl(beaconUrl + "?" + query.slice(1), readsAnswer);
  });
};
