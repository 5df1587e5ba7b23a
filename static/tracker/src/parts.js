/** Parts of the tracker that are loaded only where they are needed. */
import { api } from "./beacons.js";
import { beaconUrl } from "./settings.js";

/** What the parts work with, and what they add. */
export const tracker = {};
/** Name -> functions that wait for the part; something that calls them at once when it is there. */
const waiting = {};

/** Loads a part once, and calls `then` when it is there. */
export const loadPart = (name, then) => {
  if (!waiting[name]) {
    waiting[name] = [];
    api.inject(beaconUrl + "?part=" + name);
  }
  if (then) waiting[name].push(then);
};

/** Adds a part that is there: it calls `_cgen.use(setUp, name)`. */
api.use = (setUp, name) => {
  setUp(tracker);
  const functions = waiting[name] || [];
  waiting[name] = { push: then => then() };
  functions.forEach(then => then());
};
