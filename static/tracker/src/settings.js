/**
 * What the server and the page say.
 *
 * The server puts one line in front of the built file (WIRE.md, 1):
 *     var _ff={b:"/in.php",h:"stats.example.com",n:"clicky",id:123};
 * b beacon path, h host of the beacon ("" = the page's own), n name of the globals, id site number or 0.
 */
import { d, nav, place, w } from "./browser.js";

export { listen } from "./browser.js";
export { d, nav, place, w };

export const config = w._ff || { b: "/in.php" };
export const brand = !config.n || config.n == "clickport" ? "clicky" : config.n;
/** What the page's globals begin with. Clicky's own names hold under every brand, so that no page has to change. */
export const prefixes = brand == "clicky" ? [brand] : [brand, "clicky"];
export const script = d.currentScript || d.querySelector("script[data-id],script[data-site],script[data-domain]");

const scheme = (/^https?:/.exec(script?.src) || /^http:/.exec(place.protocol) || ["https:"])[0];
export const beaconUrl = (config.h ? scheme + "//" + config.h : "") + config.b;

const noSettings = {};

/** Returns the page's settings object, read again each time because pages change it as they go. */
export const custom = () =>
  prefixes.map(prefix => w[prefix + "_custom"]).find(settings => settings && settings != noSettings) ||
  (w[brand + "_custom"] = noSettings);

/** Returns a setting in its flat form (`cookie_domain`) or its nested one (`cookies: {domain}`). */
export const getSetting = (flat, group, key) => {
  const settings = custom();
  return flat in settings ? settings[flat] : settings[group]?.[key];
};

/** Whether the page turned a feature off: `heatmap_disable: 1` or `heatmap: {disabled: true}`. */
export const isOff = (feature, group) => getSetting(feature + "_disable", group || feature, "disabled");

/** Returns an older form of a setting, a global such as `clicky_goal`. */
export const getGlobal = key => prefixes.map(prefix => w[prefix + "_" + key]).find(Boolean);

/** Switches that the site sets in its answer; until then these hold. */
export const switches = { ping: 1, link: 1, form: 1 };
const answered = {};

/** Takes the switches of an answer. With several sites a switch is on if any of them turns it on. */
export const setSwitches = answer => {
  for (const name in answer) {
    switches[name] = answered[name] ? switches[name] || answer[name] : answer[name];
    answered[name] = 1;
  }
};

export const isNumber = value => /^\d+$/.test(value);
export const cleanText = value =>
  String(value || "")
    .trim()
    .replace(/\s+/g, " ")
    .slice(0, 200);
export const createId = () => Math.random().toString(16).slice(2).padEnd(13, "0").slice(0, 13);
