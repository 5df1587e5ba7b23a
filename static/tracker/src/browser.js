/** The browser's objects under short names: the minifier does not shorten those of the browser. */
export const w = window;
export const d = document;
export const nav = navigator;
export const place = location;

/** Listens to several events, separated by spaces, before the page's own listeners. */
export const listen = (target, names, listener) =>
  names.split(" ").forEach(name => target.addEventListener(name, listener, true));
