/** Clicks that leave: outbound links, mail and telephone, downloads; and what the page marked by class. */
import { stripWww } from "./page.js";
import {
  cleanText,
  config,
  custom,
  d,
  getGlobal,
  getSetting,
  isOff,
  listen,
  place,
  prefixes,
  switches,
} from "./settings.js";

const FILES =
  /\.(7z|aac|apk|avi|cab|csv|dmg|doc[xmb]?|epub|exe|flv|gif|gz|jpg|js|m4a|mp[34]|mpeg|mobi|mov|msi|ods|pdf|phps|png|ppt\w?|rar|rtf|sea|sit|svgz?|tar|torrent|txt|vcf|web[mp]|wma|wmv|xls\w?|xml|zip)$/i;

// clicky_ignore, clicky_log, clicky_log_outbound, clicky_log_download; a brand may say its own word for `clicky`.
const CLASSES = RegExp("(?:" + prefixes.join("|") + ")_(ignore|log_?(\\w*))");
const WATCHED = 'a[*|href],area[href],[class*="_log"]';

const getOutboundPatterns = () =>
  [].concat(getSetting("outbound_pattern", "outbound", "pattern") || (config.n == "clickport" ? "/go/" : []));

/** Makes the link one of HTML, with the parts of its address; one of SVG has it elsewhere. */
const convertToHtmlLink = element => {
  const link = d.createElement("a");
  link.href = element.href?.baseVal ?? element.getAttribute("href");
  return link;
};

/** Tells what a click on this link is: `outbound`, `download`, or nothing to report. */
const classifyLink = (link, hasDownload) => {
  const { protocol, href, hostname, pathname } = link;
  if (/^(mailto|tel):/.test(protocol) || getOutboundPatterns().some(part => href.includes(part))) return "outbound";
  if (hasDownload && protocol != "javascript:") return "download";
  if (!/^(https?|ftp|telnet):/.test(protocol)) return "";
  if (FILES.test(pathname)) return "download";
  return stripWww(hostname) != stripWww(place.hostname) && "outbound";
};

const getLabel = (element, clicked) => {
  const image = element.querySelector("img") || element;
  return (
    cleanText(element.textContent) ||
    cleanText(clicked.textContent) ||
    element.getAttribute("aria-label") ||
    element.title ||
    element.name ||
    image.alt ||
    image.src
  );
};

/** Returns the page's own addresses as a path, all others whole. */
export const stripOrigin = href => String(href).replace(place.origin, "") || "/";

/** Returns what is reported of a link: its address; of a file the page itself made, its name. */
const describeTarget = (link, fileName) =>
  /^(blob|data):/.test(link.protocol) ? fileName || link.protocol : stripOrigin(link.href);

const reportClick = (event, log) => {
  // Each element the click passed, out of every open shadow tree: a link may surround a component, or be within one.
  const element = event.composedPath().find(node => node.matches?.(WATCHED));
  if (!element || event.button > 1) return;
  const [, mark, markedType] = CLASSES.exec(element.getAttribute("class")) || [];
  const link = element.href && convertToHtmlLink(element);
  const fileName = element.getAttribute("download");
  const type = mark ? markedType || "click" : link && classifyLink(link, fileName != null);
  if (!type || mark == "ignore") return;
  log(link ? describeTarget(link, fileName) : "#" + element.id, getLabel(element, event.target), type);
};

/** Reports clicks through `log(href, title, type)`. */
export const watchLinks = log =>
  listen(d, "click auxclick", event => {
    const isDisabled = isOff("outbound") || custom().advanced_disable || getGlobal("advanced_disable");
    if (switches.link && !isDisabled) reportClick(event, log);
  });
