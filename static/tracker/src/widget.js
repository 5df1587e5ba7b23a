/** Lazy part: who is here, and the heatmap over the page, for the site's owner. The numbers come as scripts (WIRE.md, 5). */
import {base, d, listen, place, told, w} from './settings.js';

const MINUTE = 60000, SIZE = 24, LEVELS = 7, api = w._cgen;

w._cgen.use(inside => {
  const root = (told.h ? base.slice(0, base.indexOf(told.h) + told.h.length) : place.origin) + '/ajax/onsitestats';
  // The word the dashboard put behind `#` is kept for this site and taken out of the address.
  const handed = /^#_(osa|heatmap)(?:=([\w.-]+))?&?(.*)/.exec(place.hash) || [];
  if (handed[2]) {
    d.cookie = '_cky_osa=' + handed[2] + ';path=/;max-age=3600;samesite=lax' + (place.protocol == 'https:' ? ';secure' : '');
    history.replaceState(history.state, '', place.pathname + place.search);
  }
  const page = d.documentElement, {on} = inside; // a part's own copy of the switches knows no answer
  let opened = 0, board, canvas, heat;

  const ask = (what, words) => {
    const site = inside.sites[0] || {};
    const all = Object.assign({site_id: site.site_id, sitekey: handed[2] || on.osa || inside.getCookie('_cky_osa'), href: inside.href(),
      domain: place.hostname, w: w.innerWidth, h: w.innerHeight, x: Math.random()}, words);
    const query = Object.keys(all).filter(key => all[key] != null).map(key => key + '=' + encodeURIComponent(all[key])).join('&');
    api.inject(root + what + '?' + query + (handed[3] && what == '/heatmap' ? '&' + handed[3] : ''));
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

  const add = (to, name, text, css) => {
    const made = d.createElement(name);
    made.style.cssText = css || '';
    made.textContent = text || '';
    return to.appendChild(made);
  };
  /** The board's line of this name, emptied. */
  const line = name => {
    if (!board) {
      const host = add(page, 'div', '', 'all:initial;position:fixed;right:12px;bottom:12px;z-index:2147483647');
      board = add(host.attachShadow({mode: 'open'}), 'div', '', 'font:13px/1.5 system-ui,sans-serif;color:#222;background:#fff;border:1px solid #999;border-radius:8px;padding:8px 12px;max-width:300px');
      const close = add(board, 'button', '\u00d7', 'float:right');
      close.ariaLabel = 'Close';
      close.onclick = () => { host.remove(); if (canvas) canvas.remove(); heat = board = canvas = 0; };
    }
    const found = [...board.children].find(one => one.id == name) || add(board, 'div');
    found.id = name;
    found.textContent = '';
    return found;
  };
  const link = (to, text, act) => { add(to, 'button', text, 'margin:2px').onclick = act; };

  const colour = level => 'oklch(' + (.99 - .08 * level) + ' ' + Math.min(.16, .01 + .035 * level) + ' 35)';
  const find = selector => { try { return selector && d.querySelector(selector); } catch (e) { return null; } };

  /** The spots that are in sight: shade by shade onto a canvas, then each shade becomes its step of the one hue. */
  const paint = () => {
    if (!heat) return;
    const pen = canvas.getContext('2d', {willReadFrequently: true});
    const wide = canvas.width = w.innerWidth, high = canvas.height = w.innerHeight, boxes = heat.elements.map(name => find(name)?.getBoundingClientRect());
    heat.points.forEach(([element, ox, oy, across, down, clicks]) => {
      const box = boxes[element];
      if (box && !box.width) return;
      const x = box ? box.left + ox * box.width / 1000 : across * page.scrollWidth / 1000 - w.pageXOffset;
      const y = box ? box.top + oy * box.height / 1000 : down - w.pageYOffset;
      if (y < -SIZE || y > high + SIZE) return;
      const spot = pen.fillStyle = pen.createRadialGradient(x, y, 0, x, y, SIZE);
      spot.addColorStop(0, 'rgba(0,0,0,' + Math.max(.15, clicks / heat.most) + ')');
      spot.addColorStop(1, 'rgba(0,0,0,0)');
      pen.fillRect(x - SIZE, y - SIZE, 2 * SIZE, 2 * SIZE);
    });
    const image = pen.getImageData(0, 0, wide, high), bytes = image.data;
    for (let i = 0; i < bytes.length; i += 4) if (bytes[i + 3]) {
      const at = 4 * bytes[i + 3];
      for (let part = 0; part < 3; part++) bytes[i + part] = heat.colours[at + part];
      bytes[i + 3] = Math.min(215, 60 + bytes[i + 3]);
    }
    pen.putImageData(image, 0, 0);
  };

  const palette = () => {
    const strip = d.createElement('canvas'), pen = strip.getContext('2d'), run = pen.createLinearGradient(0, 0, 256, 0);
    strip.width = 256;
    for (let level = 1; level <= LEVELS; level++) run.addColorStop((level - 1) / (LEVELS - 1), colour(level));
    pen.fillStyle = run;
    pen.fillRect(0, 0, 256, 1);
    return pen.getImageData(0, 0, 256, 1).data;
  };

  const show = {
    stats(news) {
      const to = line('now');
      add(to, 'b', news.site + ' on site, ' + news.page + ' on page');
      add(to, 'div', news.visitors + ' visitors, ' + news.views + ' views of this page today');
      news.sources.forEach(([name, count]) => add(to, 'div', count + ' ' + name));
      link(to, 'Visitors', () => inside.visitors(1));
      link(to, 'Heatmap', () => inside.overlay());
    },
    visitors(news) {
      const to = line('people');
      news.visits.forEach(one => add(to, 'div', one.name + ', ' + one.place + ': ' + one.page));
      if (news.more) link(to, 'More', () => inside.visitors(news.number + 1));
    },
    heatmap(news) {
      const to = line('heat'), half = news.reach.filter(share => share >= .5).length - 1;
      heat = news;
      heat.most = Math.max(1, ...news.points.map(one => one[5]));
      heat.colours = palette();
      if (!canvas) canvas = add(page, 'canvas', '', 'position:fixed;inset:0;z-index:2147483646;pointer-events:none');
      add(to, 'b', news.clicks + ' clicks in ' + news.visits + ' visits');
      add(to, 'div', news.rage + ' of rage, ' + news.dead + ' dead');
      if (news.views) add(to, 'div', 'Half of ' + news.views + ' views saw ' + 5 * half + '% of the page');
      const key = add(to, 'div', 'One spot: 1 ');
      for (let level = 1; level <= LEVELS; level++) add(key, 'span', '', 'display:inline-block;width:16px;height:10px;background:' + colour(level));
      add(key, 'span', ' ' + heat.most);
      paint();
    },
  };
  api.onsite = (what, news) => news.failed ? add(line('now'), 'div', news.failed) : show[what](news);
  let due = 0;
  listen(w, 'scroll resize', () => { due = due || requestAnimationFrame(() => { due = 0; paint(); }); });

  inside.show = () => {
    if (opened) return;
    opened = Date.now();
    ask('/');
    refresh();
  };
  inside.visitors = (page, sub) => ask('/visitors', {page, sub});
  inside.overlay = (date, sub, subitem) => ask('/heatmap', {date, sub, subitem});
  api.visitors = inside.visitors;
  if (handed[1] == 'heatmap') inside.overlay();
  if (handed[1] == 'osa' || on.osa) inside.show();
}, 'widget');
