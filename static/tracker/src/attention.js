/** How long and how deep: visible time of a view, its scroll reach, and when the next ping is due. */
import {custom, d, listen, random, w} from './settings.js';

const LONGEST = 15e4; // a gap beyond the longest ping pause is a machine that slept
let since = 0, unsent = 0, total = 0, deepest = 0, timer = 0, due = 0;
export const view = {id: random()};

const tick = () => {
  const now = performance.now();
  if (since) {
    const gone = Math.min(now - since, LONGEST);
    unsent += gone;
    total += gone;
  }
  since = d.hidden ? 0 : now;
};

const look = () => { deepest = Math.max(deepest, w.pageYOffset + w.innerHeight); };
const height = () => Math.max(d.documentElement.scrollHeight, d.body ? d.body.scrollHeight : 1);

/** The deepest pixel seen in this view. */
export const reach = () => { look(); return deepest; };

/** Milliseconds of visible time not told yet. */
export const waiting = () => { tick(); return unsent; };

/** `vid`, `et`, `sc` for a beacon; the time counts as told. */
export const told = () => {
  const et = Math.round(waiting());
  unsent = 0;
  return {vid: view.id, et, sc: Math.min(100, Math.round(100 * reach() / height()))};
};

/** Minutes of the visit's limit, where the page sets one between 5 and 240; else nothing. */
export const limit = () => {
  const minutes = custom().timeout;
  return minutes >= 5 && minutes <= 240 ? minutes : '';
};

// Pings at 30, 60 and 120 seconds of visible time, then every 120, until the visit's limit.
const arm = ping => {
  clearTimeout(timer);
  if (d.hidden || due > (limit() || 30) * 6e4) return;
  timer = setTimeout(() => {
    tick();
    if (total >= due) {
      due = due < 12e4 ? due * 2 : due + 12e4;
      ping();
    }
    arm(ping);
  }, Math.max(due - total, 9));
};

/** A new view begins: new number, clock and depth from zero. */
export const renew = () => {
  view.id = random();
  tick();
  unsent = total = deepest = 0;
};

/** Starts the clock of the current view; `ping` is called whenever one is due. */
export const watch = ping => {
  due = 3e4;
  tick();
  arm(ping);
};

/** Calls `left` when the page goes out of sight, and keeps clock and pings to what is seen. */
export const follow = (left, ping) => {
  listen(w, 'scroll resize', look);
  listen(d, 'visibilitychange', () => {
    tick();
    arm(ping);
    if (d.hidden) left();
  });
  listen(w, 'pagehide', left);
};
