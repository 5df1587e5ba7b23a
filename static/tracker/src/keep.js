/** Lazy part, loaded where the site chose cookies: writes `_jsuid`, tags and the first source, or removes them. */
import { d, getSetting, place, w } from "./settings.js";

const YEAR_SECONDS = 31536000;
const QUARTER_SECONDS = 7776000;
const FIRST_VIEW_SECONDS = 600;

w._cgen.use(tracker => {
  const { getCookie, getStoredTagNames, getTags, mayStore, mayStoreTags, uid } = tracker;

  /** Sets a cookie for `seconds` (negative removes it) on the whole domain, or on the host where a domain is refused. */
  const setCookie = (name, value, seconds) => {
    const domain = getSetting("cookie_domain", "cookies", "domain") || "." + place.hostname.replace(/^www\./, "");
    const path = getSetting("cookie_path", "cookies", "path") || "/";
    const secure = place.protocol == "https:" ? ";Secure" : "";
    const attributes = ";path=" + path + ";max-age=" + (seconds || YEAR_SECONDS) + ";SameSite=Lax" + secure;
    const cookie = name + "=" + encodeURIComponent(value) + attributes;
    d.cookie = cookie + ";domain=" + domain;
    if (getCookie(name) != value) d.cookie = cookie;
  };

  const removeCookies = () => {
    for (const [, name] of d.cookie.matchAll(/(_(?:jsuid|referrer_og|utm_og|first_pageview|custom_data_[^=]+))=/g)) {
      setCookie(name, "", -1);
    }
  };

  const updateCookies = () => {
    if (!mayStore()) return removeCookies();
    if (getCookie("_jsuid") != uid) setCookie("_jsuid", uid);
    if (!mayStoreTags()) return;
    const tags = getTags();
    const { ref, utm } = tracker.firstSource;
    if (ref) setCookie("_referrer_og", ref, QUARTER_SECONDS);
    if (utm) setCookie("_utm_og", utm, QUARTER_SECONDS);
    setCookie("_first_pageview", 1, FIRST_VIEW_SECONDS);
    getStoredTagNames().forEach(name => {
      if (tags[name]) setCookie("_custom_data_" + name, tags[name], YEAR_SECONDS * 5);
    });
  };

  tracker.setCookie = setCookie;
  try {
    updateCookies();
  } catch {
    return; // a sandbox without an origin stores nothing
  }
  tracker.updateCookies = updateCookies;
}, "keep");
