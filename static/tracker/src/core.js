/** The tracker: takes the page's snippet in whatever form, tells the views, and answers to `clicky` and `clickport`. */
import {base, brand, custom, d, listen, nav, number, off, old, on, place, setting, switchOn, tag, text, told, w} from './settings.js';
import {declined, getCookie, identity, lasting, mayStore, origin, sticky, tags, uid} from './people.js';
import {campaign, href, machine, pageHref, pageTitle, referrer, signs} from './page.js';
import * as attention from './attention.js';
import {api, inject, resume, send, sites} from './wire.js';
import {local, watchLinks} from './links.js';
import {watchForms} from './forms.js';

const known = {};
const queue = []; // asked for before the first view was told
const leavers = []; // called when the page goes out of sight
let started = 0, starting = 0, silent = 0, viewed = 0, lastHref = '', hints;

// Cookies by which a browser is set to be ignored, or to tell views only.
const marked = (...names) => names.some(name => sites.some(site => getCookie(name + site.site_id)));

/** Goal and split of the page's settings go out once, with the next action. */
const once = () => {
  const c = custom(), goal = c.goal || old('goal'), split = c.split;
  c.goal = c.split = w[brand + '_goal'] = null;
  return {goal: goal && typeof goal == 'object' ? named(goal) : goal, split};
};
const named = goal => number(goal.id) || !goal.id ? goal : {name: goal.id, revenue: goal.revenue};

/** Sends one beacon of `type`; the ones that are actions carry tags, machine and the page's pending goal. */
const beacon = (type, data, only) => {
  if (silent || marked('unpoco_') && type != 'pageview') return;
  if (!started) return queue.push([type, data, only]);
  const c = identity(), quiet = type == 'ping' || type == 'heatmap';
  send({
    type, ...data, page: type == 'pageview' ? '' : pageHref(), host: place.host, ...c, timeout: attention.limit(),
    wd: signs(), ...(type == 'heatmap' ? {vid: attention.view.id} : attention.told()),
    ...(quiet ? 0 : {custom: tags(), ...machine(), ...hints, ...once(), ...(data.goal ? {goal: data.goal} : 0)}),
  }, only);
  if (inside.keep) inside.keep();
};

const ping = () => { if (on.ping && !off('ping')) beacon('ping', {}); };
const leave = () => {
  begin();
  leavers.forEach(act => act());
  if (attention.waiting() > 250) ping();
};

/** A page view: the time of the one before is told first. */
const look = (path, title, type, only) => {
  if (viewed && !only) {
    leave();
    attention.renew();
  }
  const first = viewed && !only ? {} : inside.first = origin(referrer(), campaign());
  viewed = 1;
  lastHref = href(); // where the browser was, whatever the page calls it
  if (!only) attention.watch(ping);
  beacon(type || 'pageview', {href: local(path), title, ...first, osa: getCookie('_cky_osa')}, only);
};

const pageview = (onlyOnce, only) => {
  if (onlyOnce && viewed) return;
  look(pageHref(), pageTitle(), setting('type', 'pageview', 'type'), only);
};

const log = (path, title, type) => {
  if (!path) return;
  path = String(path);
  type = type || (path[0] == '#' ? 'click' : 'pageview');
  if (type == 'pageview') look(path.replace(/^[a-z]+:\/\/[^/]+/i, ''), text(title || pageTitle()));
  else beacon(type, {href: type == 'outbound' ? path : local(path), title: text(title)});
};

const goal = (id, revenue) => beacon('goal', {goal: {[number(id) ? 'id' : 'name']: id, revenue}});

const track = (name, props, money) => beacon('event', {
  name: text(name), prop: props, revenue: money?.amount, currency: money && (money.currency || 'USD'),
});

const form = (name, id, plugin) => {
  if (on.form && !off('form')) beacon('form', {name: text(name), prop: {id, plugin}});
};

// What the lazy parts work with, and what they add.
const inside = {beacon, form, leavers, href: pageHref, reach: attention.reach, sites, view: attention.view, getCookie, lasting, mayStore, on, sticky, tags, uid};

/** Fetches a lazy part once and calls `then(inside)` when it is there; the part calls `_cgen.use(setup, name)`. */
const parts = {};
const part = (name, then) => {
  if (!parts[name]) {
    parts[name] = [];
    api.inject(base + '?part=' + name);
  }
  if (then) parts[name].push(then);
};
const use = (setup, name) => {
  setup(inside);
  const waiting = parts[name] || [];
  parts[name] = {push: then => then(inside)};
  waiting.forEach(parts[name].push);
};

/** A new address without a new document; the page may tell it itself within the quarter of a second. */
const moved = () => setTimeout(() => {
  if (!custom().history_disable && !off('pageview') && href() != lastHref) pageview();
}, 250);
const followHistory = () => {
  const push = history.pushState;
  history.pushState = function () {
    const result = push.apply(history, arguments);
    moved();
    return result;
  };
  listen(w, 'popstate', moved);
};

/** The site's answer: cookies settle, lazy parts come. */
const answer = news => {
  switchOn(news);
  if (on.cookie || getCookie('_jsuid')) part('keep');
  if (news.stop) silent = 1;
  if (on.heat && !off('heatmap')) part('heat');
  if (on.media || custom().html_media_track) part('media');
  if (on.osa && !off('osa')) part('widget');
};

/** The first view and everything that watches; at once when the page leaves before its time. */
const begin = () => {
  if (started || !sites.length) return;
  silent = declined() || getCookie('_cky_ignore') || marked('_no_tracky_', 'no_trackyy_');
  started = 1;
  if (/^#_(osa|heatmap)/.test(place.hash)) part('widget');
  if (silent) return;
  const early = queue.splice(0);
  resume();
  if (!off('pageview')) pageview();
  early.forEach(args => beacon(...args));
};

const schedule = () => {
  if (!starting) {
    starting = 1;
    setTimeout(d.prerendering ? () => d.addEventListener('prerenderingchange', begin) : begin, 100);
  }
};

/** Adds a site by number, or by domain where that is all the page knows. */
const init = id => {
  id = String(id || '').trim();
  if (!id || id == '0' || known[id]) return;
  const site = known[id] = number(id) ? {site_id: id} : {domain: id};
  sites.push(site);
  if (started && !off('pageview')) pageview(0, site);
  schedule();
};

const attribute = (element, name) => element?.getAttribute('data-' + name);
const gather = (from, id) => {
  [attribute(from, 'id'), id, attribute(from, 'site') || attribute(from, 'domain'),
    old('site_id'), w.async_site_id].forEach(init);
  const list = [].concat(old('site_ids') || []);
  list.forEach(init);
  list.push = (...ids) => ids.forEach(init);
  w[brand + '_site_ids'] = list;
};

Object.assign(api, {
  init, log, goal, track, pageview: onlyOnce => pageview(onlyOnce), inject, on: answer, use,
  pause() {}, get_href: href, get_cookie: getCookie, set_cookie: (...words) => part('keep', () => inside.setCookie(...words)), sitekey: () => on.osa,
  video: (action, time, url, title) => beacon('video', {video: {action, time}, href: local(url || href()), title: text(title)}),
  custom_data(data) {
    if (data) custom().visitor = Object.assign({}, custom().visitor, data), beacon('custom', {});
    return tags();
  },
  heatmap: (...words) => part('widget', () => inside.overlay(...words)),
  onsitestats: () => part('widget', () => inside.show()),
});

if (w._cgen && w._cgen.own == brand + base) w._cgen.again(tag, told.id); // loaded before: only its sites are new
else {
  api.own = brand + base;
  api.again = gather;
  const stub = w.clickport;
  w[brand] = w[brand + '_obj'] = w._cgen = api;
  if (brand == 'clicky') w.clickport = {track}, ((stub || {}).q || []).forEach(words => track(...words));
  else w._genericStats = api;
  w._cgen_custom = custom();
  if (custom().getHighEntropyValues) {
    nav.userAgentData?.getHighEntropyValues(['platformVersion', 'model']).then(found => {
      hints = {hep: found.platformVersion, hem: found.model};
    });
  }
  attention.follow(leave, ping);
  followHistory();
  watchLinks(log);
  watchForms(part);
  listen(w, 'pageshow', event => {
    if (event.persisted && started && !off('pageview')) pageview();
  });
  gather(tag, told.id);
}
