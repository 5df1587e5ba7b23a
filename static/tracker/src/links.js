/** Clicks that leave: outbound links, mail and telephone, downloads; and what the page marked by class. */
import {brand, custom, d, listen, off, old, on, place, setting, text, told} from './settings.js';
import {bare} from './page.js';

const FILES = /\.(7z|aac|apk|avi|cab|csv|dmg|doc[xmb]?|epub|exe|flv|gif|gz|jpg|js|m4a|mp[34]|mpeg|mobi|mov|msi|ods|pdf|phps|png|ppt\w?|rar|rtf|sea|sit|svgz?|tar|torrent|txt|vcf|web[mp]|wma|wmv|xls\w?|xml|zip)$/i;

// clicky_ignore, clicky_log, clicky_log_outbound, clicky_log_download; a brand has its own word for `clicky`.
const CLASSES = RegExp(brand + '_(ignore|log_?(\\w*))');

const patterns = () => [].concat(setting('outbound_pattern', 'outbound', 'pattern') || (told.n == 'clickport' ? '/go/' : []));

/** What a click on this link is: `outbound`, `download`, or nothing worth telling. */
const byAddress = link =>
  /^(mailto|tel):/.test(link.protocol) || patterns().some(part => link.href.includes(part)) ? 'outbound' :
  !/^(https?|ftp|telnet):/.test(link.protocol) ? '' :
  FILES.test(link.pathname) ? 'download' :
  bare(link.hostname) != bare(place.hostname) && 'outbound';

const label = element => {
  const image = element.querySelector('img') || element;
  return text(element.textContent) || element.title || element.name || image.alt || image.src;
};

/** The page's own addresses as a path, all others whole. */
export const local = href => String(href).replace(place.origin, '') || '/';

/** The element an event really began in, also within open shadow trees. */
export const source = event => event.composedPath()[0];

const follow = (event, log) => {
  const element = source(event).closest?.('a[href],area[href],[class*="_log"]');
  if (!element || event.button > 1) return;
  const marked = CLASSES.exec(element.getAttribute('class')) || [];
  const type = marked[1] ? marked[2] || 'click' : element.href && byAddress(element);
  if (type && marked[1] != 'ignore') log(local(element.href || '#' + element.id), label(element), type);
};

/** Reports clicks through `log(href, title, type)`. */
export const watchLinks = log => listen(d, 'click auxclick', event => {
  if (on.link && !off('outbound') && !custom().advanced_disable && !old('advanced_disable')) follow(event, log);
});
