/** Lazy part: where on the page people click, how deep they look, and which clicks go wrong. Rows as in WIRE.md, 4. */
import {d, listen, off, setting, w} from './settings.js';

const FLUSH = 5000, MOST = 10, RAGE_MS = 1000, RAGE_PX = 30, DEAD_MS = 600;

// An id that looks generated would not be there on the next page load.
const stable = id => /^[a-z][\w-]{0,60}$/i.test(id) && !/\d{3,}|^(ember|radix|react|headlessui)/i.test(id);

const step = element => {
  let nth = 1, other = element;
  while ((other = other.previousElementSibling)) if (other.localName == element.localName) nth++;
  return element.localName + ':nth-of-type(' + nth + ')';
};

/** A selector that finds the element again at every width: from the nearest stable id down by type and number. */
const path = element => {
  const steps = [];
  for (; element && element != d.documentElement && element != d.body; element = element.parentElement) {
    if (stable(element.id) && d.querySelectorAll('#' + element.id).length == 1) return ['#' + element.id].concat(steps).join('>');
    steps.unshift(step(element));
  }
  return ['body'].concat(steps).join('>');
};

w._cgen.use(({beacon, href, leavers, reach, view}) => {
  const page = d.documentElement, recent = [], escape = text => String(text).replace(/\|/g, '%7C');
  let rows = [], last, deepest = 0, told = '';

  const flush = () => {
    if (!rows.length || off('heatmap')) return;
    beacon('heatmap', {heatmap: rows.map(row => row.join('|')), vw: w.innerWidth, lw: page.scrollWidth, lh: page.scrollHeight});
    rows = [];
  };

  /** The third of three quick clicks on one spot is one of rage. */
  const rage = (x, y, now) => {
    recent.push([x, y, now]);
    while (now - recent[0][2] > RAGE_MS || Math.hypot(x - recent[0][0], y - recent[0][1]) > RAGE_PX) recent.shift();
    if (recent.length < 3) return false;
    recent.length = 0;
    return true;
  };

  /** A click after which nothing moves, changes or is chosen is a dead one. */
  const watchDeath = (row, target) => {
    if (row[4] != 'click' || target.closest('input,select,textarea,label,video,audio,option,[contenteditable]')) return;
    let alive = String(w.getSelection()) != '';
    const live = () => { alive = true; }, sight = new MutationObserver(live), at = place();
    [d, target.getRootNode()].forEach(root =>
      sight.observe(root, {subtree: true, childList: true, attributes: true, characterData: true}));
    setTimeout(() => {
      sight.disconnect();
      if (!alive && at == place()) row[4] = 'dead';
    }, DEAD_MS);
  };
  const place = () => [location.href, w.pageXOffset, w.pageYOffset, d.activeElement && path(d.activeElement)].join();

  const click = event => {
    // What lies within a component is kept on the component: no selector of the page finds it.
    const within = event.composedPath()[0], target = event.composedPath().find(one => one.getRootNode?.() == d);
    if (event == last || !target?.getBoundingClientRect || off('heatmap')) return;
    last = event;
    const box = target.getBoundingClientRect(), mille = (part, whole) => Math.round(1000 * part / (whole || 1));
    const row = [
      escape(href()), Math.round(event.pageX), Math.round(event.pageY), w.innerWidth,
      rage(event.pageX, event.pageY, event.timeStamp) ? 'rage' : 'click',
      mille(event.clientX - box.left, box.width), mille(event.clientY - box.top, box.height), escape(path(target)),
    ];
    rows.push(row);
    watchDeath(row, within);
    if (rows.length >= MOST) flush();
  };

  listen(d, 'click', click);
  [].concat(setting('heatmap_objects', 'heatmap', 'objects') || []).forEach(found =>
    [].concat(typeof found == 'string' ? [...d.querySelectorAll(found)] : found).forEach(one => listen(one, 'click', click)));
  setInterval(flush, FLUSH);
  leavers.push(() => {
    const seen = Math.round(reach());
    if (seen > deepest || told != view.id) rows.push([escape(href()), 0, seen, w.innerWidth, 'reach', 0, 0, '']);
    deepest = seen;
    told = view.id;
    flush();
  });
}, 'heat');
