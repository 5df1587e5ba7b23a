/** Who: the visitor's number, tags, and what this browser stores of earlier visits. The lazy part `keep` writes it. */
import { custom, d, getGlobal, isOff, nav, place, switches } from "./settings.js";

export const getCookie = name => {
  let cookies = "";
  try {
    cookies = d.cookie;
  } catch {} // a sandbox without an origin has none
  const value = (("; " + cookies).split("; " + name + "=")[1] || "").split(";")[0];
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
};

const refusesCookies = () => isOff("cookies") || custom().no_cookies;

/** Whether anything may be stored in this browser: the site's answer says so; a `_jsuid` from before stands for it. */
export const mayStore = () => !refusesCookies() && switches.cookie;
/** Whether tags and the first source may be stored, too. */
export const mayStoreTags = () => mayStore() && !custom().sticky_data_disable;

switches.cookie = getCookie("_jsuid");
export const uid = switches.cookie || 1 + Math.floor(Math.random() * 4294967295);

/** Returns `jsuid`, `ck` and the privacy parameters of every beacon. */
export const getIdentity = () => ({
  jsuid: refusesCookies() ? "" : uid,
  ck: mayStore() ? 1 : 0,
  consent: custom().visitor_consent ? 1 : "",
  dnt: nav.doNotTrack == "1" || nav.globalPrivacyControl ? 1 : "",
});

/** Whether the page wants Do Not Track honoured in the browser already, and this visitor asks for it. */
export const isDeclined = () => custom().dnt && getIdentity().dnt;

/** Returns the names of the tags that are stored. */
export const getStoredTagNames = () => [].concat(custom().visitor_keys_cookie || ["username", "name", "email"]);

/** Collects the visit's tags: stored ones, then `utm_custom[…]` of the address, then what the page says now. */
export const getTags = () => {
  const tags = {};
  if (mayStoreTags()) {
    getStoredTagNames().forEach(name => {
      tags[name] = getCookie("_custom_data_" + name);
    });
  }
  new URLSearchParams(place.search).forEach((value, key) => {
    const match = /^utm_custom\[(\w+)\]$/.exec(key);
    if (match) tags[match[1]] = value;
  });
  return Object.assign(tags, getGlobal("custom_session"), custom().visitor, custom().session);
};

/** Returns referrer and campaign of a first view; where there are none, those this browser first came with. */
export const getFirstSource = (ref, utm) => {
  const mayReadStored = mayStoreTags() && !getCookie("_first_pageview");
  return {
    ref: ref || (mayReadStored && getCookie("_referrer_og")),
    utm: utm || (mayReadStored && getCookie("_utm_og")),
  };
};
