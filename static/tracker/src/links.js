/** Clicks that leave: outbound links, mail and telephone, downloads; and what the page marked by class. */
import {custom, d, listen, names, off, old, on, place, setting, text, told} from './settings.js';
import {bare} from './page.js';

const FILES = /\.(7z|aac|apk|avi|cab|csv|dmg|doc[xmb]?|epub|exe|flv|gif|gz|jpg|js|m4a|mp[34]|mpeg|mobi|mov|msi|ods|pdf|phps|png|ppt\w?|rar|rtf|sea|sit|svgz?|tar|torrent|txt|vcf|web[mp]|wma|wmv|xls\w?|xml|zip)$/i;

// clicky_ignore, clicky_log, clicky_log_outbound, clicky_log_download; a brand may say its own word for `clicky`.
const CLASSES = RegExp('(?:' + names.join('|') + ')_(ignore|log_?(\\w*))');
const WATCHED = 'a[*|href],area[href],[class*="_log"]';

const patterns = () => [].concat(setting('outbound_pattern', 'outbound', 'pattern') || (told.n == 'clickport' ? '/go/' : []));

/** The link as HTML has it; one of SVG keeps its address elsewhere. */
const plain = element => {
  const link = d.createElement('a');
  link.href = element.href?.baseVal ?? element.getAttribute('href');
  return link;
};

/** What a click on this link is: `outbound`, `download`, or nothing worth telling. */
const byAddress = (link, saved) =>
  /^(mailto|tel):/.test(link.protocol) || patterns().some(part => link.href.includes(part)) ? 'outbound' :
  saved && link.protocol != 'javascript:' ? 'download' :
  !/^(https?|ftp|telnet):/.test(link.protocol) ? '' :
  FILES.test(link.pathname) ? 'download' :
  bare(link.hostname) != bare(place.hostname) && 'outbound';

const label = (element, within) => {
  const image = element.querySelector('img') || element;
  return text(element.textContent) || text(within.textContent) || element.getAttribute('aria-label') || element.title || element.name ||
    image.alt || image.src;
};

/** The page's own addresses as a path, all others whole. */
export const local = href => String(href).replace(place.origin, '') || '/';

/** What is told of a link: its address; of a file the page itself made, its name. */
const target = (link, name) => /^(blob|data):/.test(link.protocol) ? name || link.protocol : local(link.href);

const follow = (event, log) => {
  // Each element the click passed, out of every open shadow tree: a link may surround a component, or be within one.
  const element = event.composedPath().find(one => one.matches?.(WATCHED));
  if (!element || event.button > 1) return;
  const marked = CLASSES.exec(element.getAttribute('class')) || [], link = element.href && plain(element), name = element.getAttribute('download');
  const type = marked[1] ? marked[2] || 'click' : link && byAddress(link, name != null);
  if (type && marked[1] != 'ignore') log(link ? target(link, name) : '#' + element.id, label(element, event.target), type);
};

/** Reports clicks through `log(href, title, type)`. */
export const watchLinks = log => listen(d, 'click auxclick', event => {
  if (on.link && !off('outbound') && !custom().advanced_disable && !old('advanced_disable')) follow(event, log);
});
