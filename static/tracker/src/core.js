/** The tracker: takes the page's snippet in whatever form, tells the views, and answers to `clicky` and `clickport`. */
import {base, brand, custom, d, listen, names, nav, number, off, old, on, place, setting, switchOn, tag, text, told, w} from './settings.js';
import {declined, getCookie, identity, lasting, mayStore, origin, sticky, tags, uid} from './people.js';
import {address, campaign, href, machine, pageHref, pageTitle, referrer, signs} from './page.js';
import * as attention from './attention.js';
import {api, inject, resume, send, sites, words} from './wire.js';
import {local, watchLinks} from './links.js';
import {watchForms} from './forms.js';

const known = {};
const queue = []; // asked for before the first view was told
const leavers = []; // called when the page goes out of sight
let started = 0, starting = 0, silent = 0, viewed = 0, lastAddress = '', pendingView = 0, hints;

// Cookies by which a browser is set to be ignored, or to tell views only.
const marked = (...names) => names.some(name => sites.some(site => getCookie(name + site.site_id)));

/** Goal and split of the page's settings go out once, with the next action. */
const once = () => {
  const c = custom(), goal = c.goal || old('goal'), split = c.split;
  c.goal = c.split = null;
  names.forEach(name => { w[name + '_goal'] = null; });
  return {goal: goal && typeof goal == 'object' ? named(goal) : goal, split};
};
const named = goal => number(goal.id) || !goal.id ? goal : {name: goal.id, revenue: goal.revenue};

/** Sends one beacon of `type`; the ones that are actions carry tags, machine and the page's pending goal. */
const beacon = (type, data, only) => {
  if (silent || marked('unpoco_') && type != 'pageview') return;
  if (!started) return queue.push([type, data, only]);
  const c = identity(), quiet = type == 'ping' || type == 'heatmap';
  if (pendingView && !quiet) pendingView();
  send({
    type, ...data, ...(data.untyped ? arrival() : 0), page: type == 'pageview' && !data.untyped ? '' : pageHref(), host: place.host, ...c, timeout: attention.limit(),
    wd: signs(), ...(type == 'heatmap' ? {vid: attention.view.id} : attention.told()),
    ...(quiet ? 0 : {custom: words(tags()), ...machine(), ...hints, ...once(), ...(data.goal ? {goal: data.goal} : 0)}),
  }, only);
  if (inside.keep) inside.keep();
};

/** Referrer and campaign, with the first view only; or with what the server may make the first view. */
const arrival = only => {
  if (viewed && !only) return {};
  viewed = 1;
  return inside.first = origin(referrer(), campaign());
};

const ping = () => { if (on.ping && !off('ping')) beacon('ping', {}); };
const leave = () => {
  begin();
  if (pendingView) pendingView();
  leavers.forEach(act => act());
  if (attention.waiting() > 250) ping();
};

/** A page view: the time of the one before is told first. */
const look = (path, title, type, only, untyped) => {
  pendingView = 0;
  if (viewed && !only) {
    leave();
    attention.renew();
  }
  const first = arrival(only);
  lastAddress = address(); // where the browser was, whatever the page calls it
  if (!only) attention.watch(ping);
  beacon(type || 'pageview', {href: local(path), title, untyped, ...first, osa: getCookie('_cky_osa')}, only);
};

const pageview = (onlyOnce, only) => {
  if (onlyOnce && viewed) return;
  look(pageHref(), pageTitle(), setting('type', 'pageview', 'type'), only);
};

/** Without a type it is a click, or a view where the site said so; which of them, the server decides for each site. */
const log = (path, title, type) => {
  if (!path) return;
  path = String(path);
  const untyped = type ? '' : 1;
  type = type || (on.log && !/^#(?![/!])/.test(path) ? 'pageview' : 'click');
  if (type == 'pageview') look(path.replace(/^[a-z]+:\/\/[^/]+/i, ''), text(title || pageTitle()), type, 0, untyped);
  else beacon(type, {href: type == 'outbound' ? path : local(path), title: text(title), untyped});
};

const goal = (id, revenue) => {
  if (id || id === 0) beacon('goal', {goal: {[number(id) ? 'id' : 'name']: id, revenue}});
};

const track = (name, props, money) => {
  if (name) beacon('event', {
    name: text(name), prop: words(props), revenue: money?.amount, currency: money && (money.currency || 'USD'),
  });
};

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

/**
 * A new address without a new document; the page may tell it itself within the quarter of a second. A title that has
 * not changed by then is waited for, 400 milliseconds at most and no longer than until something else is told.
 * `kind` is the switch of a change that counts only where the site said so; an address that was `replaced` and does not
 * count is from then on the one of the view that is told.
 */
const moved = (kind, replaced) => {
  if (pendingView) pendingView();
  const title = pageTitle();
  let rounds = 5;
  const settle = () => {
    const at = address(), path = pageHref();
    if (!started || at == lastAddress || custom().history_disable || off('pageview')) return;
    if (kind && !on[kind]) {
      if (replaced && !pendingView) lastAddress = at;
      return;
    }
    pendingView = () => {
      look(path, pageTitle(), setting('type', 'pageview', 'type'));
      lastAddress = at;
    };
    if (--rounds && pageTitle() == title) setTimeout(settle, 100);
    else pendingView();
  };
  setTimeout(settle, 250);
};
const followHistory = () => {
  for (const [name, kind] of [['pushState', ''], ['replaceState', 'replace']]) {
    const change = history[name];
    history[name] = function () {
      const result = change.apply(history, arguments);
      moved(kind, kind);
      return result;
    };
  }
  listen(w, 'popstate', () => moved());
  // navigation.navigate() changes the address without the two above.
  w.navigation?.addEventListener('currententrychange', event => {
    if (event.navigationType) moved(event.navigationType == 'replace' ? 'replace' : 'navigate');
  });
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
  if (started || d.prerendering || !sites.length) return;
  silent = declined() || getCookie('_cky_ignore') || marked('_no_tracky_', 'no_trackyy_');
  started = 1;
  if (/^#_(osa|heatmap)/.test(place.hash)) part('widget');
  if (silent) return;
  const early = queue.splice(0);
  resume();
  if (!off('pageview')) pageview();
  early.forEach(args => beacon(...args));
};

/** A page that is rendered ahead begins when it is shown, which may be before the tenth of a second is over. */
const schedule = () => {
  if (!starting) {
    starting = 1;
    listen(d, 'prerenderingchange', begin);
    setTimeout(begin, 100);
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
  names.forEach(name => {
    const list = [].concat(w[name + '_site_ids'] || []);
    list.forEach(init);
    list.push = (...ids) => ids.forEach(init);
    w[name + '_site_ids'] = list;
  });
};

/**
 * Takes the names by which the page speaks, also from a stub in their place. Under a brand, `clicky` is taken unless
 * another tracker has it.
 */
const claim = () => {
  names.forEach(name => { if (name == brand || !w[name]?.init) w[name] = w[name + '_obj'] = api; });
  w._cgen = api;
  if (brand != 'clicky') w._genericStats = api;
  else if (w.clickport?.track != track) {
    const early = w.clickport?.q || [];
    w.clickport = {track};
    early.forEach(call => track(...call));
  }
};

Object.assign(api, {
  init, log, goal, track, pageview: onlyOnce => pageview(onlyOnce), inject, on: answer, use,
  pause() {}, get_href: href, get_cookie: getCookie, set_cookie: (...args) => part('keep', () => inside.setCookie(...args)), sitekey: () => on.osa,
  video: (action, time, url, title) => beacon('video', {video: {action, time}, href: local(url || href()), title: text(title)}),
  custom_data(data) {
    if (data) custom().visitor = Object.assign({}, custom().visitor, data), beacon('custom', {});
    return tags();
  },
  heatmap: (...args) => part('widget', () => inside.overlay(...args)),
  onsitestats: () => part('widget', () => inside.show()),
});

if (w._cgen && w._cgen.own == brand + base) w._cgen.again(tag, told.id); // loaded before: only its names and sites are new
else {
  api.own = brand + base;
  api.again = (from, id) => {
    claim();
    gather(from, id);
  };
  claim();
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
