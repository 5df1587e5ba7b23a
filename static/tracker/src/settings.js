/**
 * What the page and the script door say.
 *
 * The script door puts one line in front of this file (WIRE.md, 1):
 *     var _ff={b:"/in.php",h:"stats.example.com",n:"clicky",id:123};
 * b beacon path, h host of the beacon ("" = the page's own), n name of the globals, id site number or 0.
 */
export const w = window, d = document, nav = navigator, place = location;
export const told = w._ff || {b: '/in.php'};
export const brand = !told.n || told.n == 'clickport' ? 'clicky' : told.n;
/** What the page's globals begin with. Clicky's own names hold under every brand, so that no page has to change. */
export const names = brand == 'clicky' ? [brand] : [brand, 'clicky'];
export const tag = d.currentScript || d.querySelector('script[data-id],script[data-site],script[data-domain]');

const scheme = (/^https?:/.exec(tag && tag.src) || /^http:/.exec(place.protocol) || ['https:'])[0];
export const base = (told.h ? scheme + '//' + told.h : '') + told.b;

const empty = {}; // where the page has no settings

/** The page's settings object, read again each time because pages change it as they go. */
export const custom = () =>
  names.map(name => w[name + '_custom']).find(found => found && found != empty) || (w[brand + '_custom'] = empty);

/** A setting in its flat form (`cookie_domain`) or its nested one (`cookies: {domain}`). */
export const setting = (flat, group, key) => {
  const c = custom();
  return flat in c ? c[flat] : c[group]?.[key];
};

/** True where the page turned a feature off: `heatmap_disable: 1` or `heatmap: {disabled: true}`. */
export const off = (feature, group) => setting(feature + '_disable', group || feature, 'disabled');

/** An old global such as `clicky_goal`. */
export const old = key => names.map(name => w[name + '_' + key]).find(Boolean);

/** Switches the site set in its answer; until then these hold. */
export const on = {ping: 1, link: 1, form: 1};
const answered = {};
export const switchOn = news => {
  for (const key in news) {
    on[key] = answered[key] ? on[key] || news[key] : news[key];
    answered[key] = 1;
  }
};

export const number = value => /^\d+$/.test(value);
export const listen = (target, names, act) =>
  names.split(' ').forEach(name => target.addEventListener(name, act, true));
export const text = value => String(value || '').trim().replace(/\s+/g, ' ').slice(0, 200);
export const random = () => Math.random().toString(16).slice(2).padEnd(13, '0').slice(0, 13);
