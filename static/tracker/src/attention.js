/** How long and how deep: visible time of a view, its scroll reach, and when the next ping is due. */
import { createId, custom, d, listen, w } from "./settings.js";

const MAX_GAP_MS = 15e4; // a gap beyond the longest pause between pings is a machine that slept
const MIN_PING_WAIT_MS = 9;
let visibleSince = 0;
let unsentMs = 0;
let totalMs = 0;
let deepestPixel = 0;
let timer = 0;
let nextPingMs = 0;
export const view = { id: createId() };

const countTime = () => {
  const now = performance.now();
  if (visibleSince) {
    const gap = Math.min(now - visibleSince, MAX_GAP_MS);
    unsentMs += gap;
    totalMs += gap;
  }
  visibleSince = d.hidden ? 0 : now;
};

const measureReach = () => {
  deepestPixel = Math.max(deepestPixel, w.pageYOffset + w.innerHeight);
};
const getPageHeight = () => Math.max(d.documentElement.scrollHeight, d.body ? d.body.scrollHeight : 1);

/** Returns the deepest pixel seen in this view. */
export const getReach = () => {
  measureReach();
  return deepestPixel;
};

/** Returns the milliseconds of visible time that no beacon reported yet. */
export const getUnsentMs = () => {
  countTime();
  return unsentMs;
};

/** Takes `vid`, `et`, `sc` for a beacon; the time then counts as reported. */
export const takeAttention = () => {
  const et = Math.round(getUnsentMs());
  unsentMs = 0;
  return { vid: view.id, et, sc: Math.min(100, Math.round((100 * getReach()) / getPageHeight())) };
};

/** Returns the minutes of idleness that end a visit, where the page sets them between 5 and 240; else nothing. */
export const getTimeout = () => {
  const minutes = custom().timeout;
  return minutes >= 5 && minutes <= 240 ? minutes : "";
};

// Pings at 30, 60 and 120 seconds of visible time, then every 120, until the visit would have ended.
const schedulePing = ping => {
  clearTimeout(timer);
  if (d.hidden || nextPingMs > (getTimeout() || 30) * 6e4) return;
  const wait = Math.max(nextPingMs - totalMs, MIN_PING_WAIT_MS);
  timer = setTimeout(() => {
    countTime();
    if (totalMs >= nextPingMs) {
      nextPingMs = nextPingMs < 12e4 ? nextPingMs * 2 : nextPingMs + 12e4;
      ping();
    }
    schedulePing(ping);
  }, wait);
};

/** Begins a new view: new number, clock and depth from zero. */
export const beginView = () => {
  view.id = createId();
  countTime();
  unsentMs = totalMs = deepestPixel = 0;
};

/** Starts the clock of the current view; `ping` is called whenever one is due. */
export const startClock = ping => {
  nextPingMs = 3e4;
  countTime();
  schedulePing(ping);
};

/** Calls `leave` when the page is hidden or left, and counts only while it is visible. */
export const watchAttention = (leave, ping) => {
  listen(w, "scroll resize", measureReach);
  listen(d, "visibilitychange", () => {
    countTime();
    schedulePing(ping);
    if (d.hidden) leave();
  });
  listen(w, "pagehide", leave);
};
