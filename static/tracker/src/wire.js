/** Beacons on their way: one per site, each with its own number, by the best road the browser leaves open. */
import {base, brand, d, nav, on, place, random, tag, w} from './settings.js';
import {mayStore} from './people.js';

export const sites = [];
const KEPT = '_eventqueue';
let closed = !w.fetch; // fetch and sendBeacon are forbidden here (connect-src)

/** `&a=1&b[c]=2`; empty values are left out, long ones cut. */
export const query = (value, key) => value && typeof value == 'object' ?
  Object.keys(value).map(part => query(value[part], key ? key + '[' + (Array.isArray(value) ? '' : part) + ']' : part)).join('') :
  value || value === 0 ? '&' + encodeURIComponent(key) + '=' + encodeURIComponent(String(value).slice(0, 2000)) : '';

const word = value => {
  try {
    value = value.toJSON?.() ?? value;
    return typeof value == 'object' ? JSON.stringify(value) : typeof value == 'function' ? '' : String(value);
  } catch (e) { return String(value); }
};

/** Properties as the page gave them, each as text: arrays and objects as JSON. null, undefined and NaN are no values. */
export const words = props => {
  const found = {};
  for (const [key, value] of Object.entries(typeof props == 'object' && props || {})) {
    if (value != null && value === value) found[key] = word(value);
  }
  return found;
};

const originOf = url => new URL(url, place.href).origin;

/**
 * The address of a script as pages with Trusted Types want it. The policy is called like the page's globals and passes
 * only what comes from where the beacons go; a page that allows no such policy gets the address as it is.
 */
let policy;
const scriptUrl = src => {
  if (!policy) {
    try {
      policy = w.trustedTypes.createPolicy(brand, {createScriptURL: url => originOf(url) == originOf(base) ? url : ''});
    } catch (e) { policy = {createScriptURL: url => url}; }
  }
  return policy.createScriptURL(src);
};

/** Loads a script; the page may have put its own function in this one's place. True where the page forbids it. */
export const inject = (src, done) => {
  const script = d.createElement('script');
  try { script.src = scriptUrl(src); } catch (e) { return true; }
  script.nonce = tag?.nonce || '';
  script.onload = done;
  d.documentElement.appendChild(script);
};
export const api = {inject};

const read = reply => {
  const found = /\.on\((\{.*\})\)/.exec(reply);
  if (found) api.on(JSON.parse(found[1]));
};

/** As a script: it may die with the page, so where storing is allowed it is kept until it arrived. */
let kept = [];
const save = () => {
  if (mayStore()) try { sessionStorage[KEPT] = JSON.stringify(kept.slice(-20)); } catch (e) { /* then it is not kept */ }
};
const asScript = url => {
  kept.push(url);
  save();
  if (api.inject(url, () => {
    kept = kept.filter(other => other != url);
    save();
  }) === true) new Image().src = url;
};

/** Sends again what the page before could not finish; the beacon's number keeps it from counting twice. */
export const resume = () => {
  try { JSON.parse(sessionStorage[KEPT] || '[]').forEach(asScript); } catch (e) { /* no storage, nothing kept */ }
};

const carry = (url, reads) => {
  if (api.inject != inject && reads) api.inject(url);
  else if (closed) asScript(url);
  else if (reads || !nav.sendBeacon || !nav.sendBeacon(url)) {
    fetch(url, {keepalive: true}).then(reply => reply.text()).then(read, () => {
      closed = 1;
      asScript(url);
    });
  }
};

/** Sends `data` to every site, or to `only` one of them. Page views read the answer, and what may be one while there is none. */
export const send = (data, only) => (only ? [only] : sites).forEach(site => {
  carry(base + '?' + query({...site, ...data, mime: 'js', x: random() + random()}).slice(1), data.type == 'pageview' || data.untyped && on.log == null);
});
