/** Lazy part: the on-site widget and the heatmap overlay of a logged-in owner. The reports answer with scripts of their own. */
import {base, brand, d, on, place, told, w} from './settings.js';

const MINUTE = 60000;

w._cgen.use(inside => {
  const root = (told.h ? base.slice(0, base.indexOf(told.h) + told.h.length) : place.origin) + '/ajax/onsitestats';
  const grant = /[#&]_heatmap=([\w-]+)/.exec(place.hash);
  let opened = 0, shown = 0;

  const ask = (what, words) => {
    const site = inside.sites[0] || {};
    const all = Object.assign({site_id: site.site_id, sitekey: w._cgen.sitekey() || grant && grant[1] || '', href: inside.href(),
      domain: place.hostname, w: w.innerWidth, h: w.innerHeight, name: brand, x: Math.random()}, words);
    const query = Object.keys(all).filter(key => all[key] != null).map(key => key + '=' + encodeURIComponent(all[key])).join('&');
    w._cgen.inject(root + what + '?' + query);
  };

  /** Every minute for five minutes, then every five for an hour, while the page is seen. */
  const refresh = () => {
    const age = Date.now() - opened;
    if (age > 65 * MINUTE) return;
    setTimeout(() => {
      if (!d.hidden) ask('/', {refresh: 1});
      refresh();
    }, age < 5 * MINUTE ? MINUTE : 5 * MINUTE);
  };

  inside.show = () => {
    if (shown) return;
    shown = 1;
    opened = Date.now();
    ask('/');
    refresh();
  };
  inside.visitors = (page, sub) => ask('/visitors', {page, sub});
  inside.overlay = (date, sub, subitem) => ask('/heatmap', {date, sub, subitem});
  w._cgen.visitors = inside.visitors;
  if (grant) inside.overlay();
  if (on.osa || w._cgen.sitekey()) inside.show();
}, 'widget');
