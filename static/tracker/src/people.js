/** Who: the visitor's number, tags, and what this browser keeps of earlier visits. The lazy part `keep` does the writing. */
import {custom, d, nav, off, old, on, place} from './settings.js';

export const getCookie = name => {
  let cookies = '';
  try { cookies = d.cookie; } catch (e) { /* a sandbox without an origin has none */ }
  const value = (('; ' + cookies).split('; ' + name + '=')[1] || '').split(';')[0];
  try { return decodeURIComponent(value); } catch (e) { return value; }
};

const refused = () => off('cookies') || custom().no_cookies;

/** May anything be stored in this browser? The site's answer says so; a `_jsuid` from before stands for it. */
export const mayStore = () => !refused() && on.cookie;
export const sticky = () => mayStore() && !custom().sticky_data_disable;

on.cookie = getCookie('_jsuid');
export const uid = on.cookie || 1 + Math.floor(Math.random() * 4294967295);

/** `jsuid`, `ck` and the privacy words of every beacon. */
export const identity = () => {
  const asked = nav.doNotTrack == '1' || nav.globalPrivacyControl;
  return {jsuid: refused() ? '' : uid, ck: mayStore() ? 1 : 0, consent: custom().visitor_consent ? 1 : '', dnt: asked ? 1 : ''};
};

/** The page wants Do Not Track honoured in the browser already, and this visitor asks for it. */
export const declined = () => custom().dnt && identity().dnt;

/** Names of the tags that stick. */
export const lasting = () => [].concat(custom().visitor_keys_cookie || ['username', 'name', 'email']);

/** Tags of the visit: kept ones, then `utm_custom[…]` of the URL, then what the page says now. */
export const tags = () => {
  const found = {}, c = custom();
  if (sticky()) lasting().forEach(key => { found[key] = getCookie('_custom_data_' + key); });
  new URLSearchParams(place.search).forEach((value, key) => {
    const part = /^utm_custom\[(\w+)\]$/.exec(key);
    if (part) found[part[1]] = value;
  });
  return Object.assign(found, old('custom_session'), c.visitor, c.session);
};

/** Referrer and campaign of a first view; where there are none, those this browser first came with. */
export const origin = (ref, utm) => {
  const first = sticky() && !getCookie('_first_pageview');
  return {ref: ref || first && getCookie('_referrer_og'), utm: utm || first && getCookie('_utm_og')};
};
