/** Lazy part: audio and video of the page, and YouTube players that allow it (`enablejsapi=1`). */
import { cleanText, d, listen, place, w } from "./settings.js";

const SEEK_MS = 1000; // a pause this soon before a seek belongs to it
const MIN_SEEK_SECONDS = 3;
const GREETING_MS = 2000;
const YOUTUBE_FRAMES = 'iframe[src*="youtube.com/embed"],iframe[src*="youtube-nocookie.com/embed"]';
const YOUTUBE_ORIGIN = /^https:\/\/www\.youtube(-nocookie)?\.com$/;
const YOUTUBE_GREETING = '{"event":"listening","id":1,"channel":"widget"}';
const YOUTUBE_ACTIONS = { 0: "end", 1: "play", 2: "pause" };
const EVENT_ACTIONS = { seeked: "seek", ended: "end" };

let tracker;
const reporters = new WeakMap(); // by element
const players = [];

const sendAction = (action, time, url, title) =>
  tracker.sendBeacon("video", {
    video: { action, time: Math.round(time) },
    href: String(url).replace(place.origin, ""),
    title: cleanText(title),
  });

/** Creates the function that reports a medium's actions: a pause waits whether a seek follows, nothing is sent twice. */
const createReporter = (getUrl, getTitle) => {
  let timer = 0;
  let lastAction = "";
  return (action, time) => {
    clearTimeout(timer);
    const report = () => {
      if (action != lastAction || action == "seek") sendAction(action, time, getUrl(), getTitle());
      lastAction = action;
    };
    if (action == "pause") timer = setTimeout(report, SEEK_MS);
    else report();
  };
};

const handleMedium = ({ target, type }) => {
  if (!target.currentSrc || (target.loop && target.autoplay)) return;
  if (!reporters.has(target)) {
    const getTitle = () => target.title || target.getAttribute("aria-label");
    reporters.set(
      target,
      createReporter(() => target.currentSrc, getTitle),
    );
  }
  const action = EVENT_ACTIONS[type] || type;
  if (action != "pause" || !target.ended) reporters.get(target)(action, target.currentTime);
};

const addPlayer = frame => {
  const url = "https://www.youtube.com/watch?v=" + frame.src.split("/embed/")[1].split("?")[0];
  const player = { frame, time: 0, title: frame.title };
  const getTitle = () => player.title;
  player.report = createReporter(() => url, getTitle);
  players.push(player);
  return player;
};

/** Asks YouTube's players to send messages, until they do; no foreign script is loaded. */
const greetPlayers = () =>
  d.querySelectorAll(YOUTUBE_FRAMES).forEach(frame => {
    const player = players.find(other => other.frame == frame) || addPlayer(frame);
    if (!player.hasAnswered) frame.contentWindow.postMessage(YOUTUBE_GREETING, "*");
  });

const handleMessage = event => {
  const player = players.find(({ frame }) => frame.contentWindow == event.source);
  if (!player || !YOUTUBE_ORIGIN.test(event.origin)) return;
  let info;
  try {
    info = JSON.parse(event.data).info;
  } catch {
    return;
  }
  player.hasAnswered = 1;
  if (info) updatePlayer(player, info);
};

const updatePlayer = (player, info) => {
  const action = YOUTUBE_ACTIONS[info.playerState];
  const time = info.currentTime;
  if (info.videoData) player.title = info.videoData.title || player.title;
  if (time >= 0) {
    if (Math.abs(time - player.time) > MIN_SEEK_SECONDS && player.time) player.report("seek", time);
    player.time = time;
  }
  if (action && action != player.action) player.report(action, player.time);
  if (action) player.action = action;
};

w._cgen.use(core => {
  tracker = core;
  listen(d, "play pause seeked ended", handleMedium);
  d.querySelectorAll("audio,video").forEach(target => {
    if (!target.paused) handleMedium({ target, type: "play" });
  });
  listen(w, "message", handleMessage);
  greetPlayers();
  setInterval(greetPlayers, GREETING_MS);
}, "media");
