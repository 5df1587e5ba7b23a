/** Lazy part, fetched where the site chose cookies: writes `_jsuid` and what sticks, or removes what is there. */
import {d, place, setting, w} from './settings.js';

const YEAR = 31536000, QUARTER = 7776000;

w._cgen.use(inside => {
  const {getCookie, lasting, mayStore, sticky, tags, uid} = inside;

  /** Sets a cookie for `seconds` (negative removes it) on the whole domain, or on the host where a domain is refused. */
  const set = inside.setCookie = (name, value, seconds) => {
    const domain = setting('cookie_domain', 'cookies', 'domain') || '.' + place.hostname.replace(/^www\./, '');
    const line = name + '=' + encodeURIComponent(value) + ';path=' + (setting('cookie_path', 'cookies', 'path') || '/') +
      ';max-age=' + (seconds || YEAR) + ';SameSite=Lax' + (place.protocol == 'https:' ? ';Secure' : '');
    d.cookie = line + ';domain=' + domain;
    if (getCookie(name) != value) d.cookie = line;
  };

  const forget = () => d.cookie.replace(/(_(jsuid|referrer_og|utm_og|first_pageview|custom_data_[^=]+))=/g,
    (_, name) => set(name, '', -1));

  const keep = () => {
    if (!mayStore()) return forget();
    if (getCookie('_jsuid') != uid) set('_jsuid', uid);
    if (!sticky()) return;
    const now = tags(), {ref, utm} = inside.first;
    if (ref) set('_referrer_og', ref, QUARTER);
    if (utm) set('_utm_og', utm, QUARTER);
    set('_first_pageview', 1, 600);
    lasting().forEach(key => { if (now[key]) set('_custom_data_' + key, now[key], YEAR * 5); });
  };
  try { keep(); } catch (e) { return; } // a sandbox without an origin stores nothing
  inside.keep = keep;
}, 'keep');
