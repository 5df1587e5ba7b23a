/** Lazy part: audio and video of the page, and YouTube players that allow it (`enablejsapi=1`). */
import {d, listen, place, text, w} from './settings.js';

const SEEK_MS = 1000; // a pause this soon before a seek belongs to it
const YOUTUBE = 'iframe[src*="youtube.com/embed"],iframe[src*="youtube-nocookie.com/embed"]';

w._cgen.use(({beacon}) => {
  const tell = (action, time, url, title) =>
    beacon('video', {video: {action, time: Math.round(time)}, href: String(url).replace(place.origin, ''), title: text(title)});

  /** One teller per medium: a pause waits whether a seek follows, and nothing is told twice. */
  const teller = (url, title) => {
    let waiting = 0, state = '';
    return (action, time) => {
      clearTimeout(waiting);
      const say = () => { if (action != state || action == 'seek') tell(action, time, url(), title()); state = action; };
      if (action == 'pause') waiting = setTimeout(say, SEEK_MS);
      else say();
    };
  };

  const known = new WeakMap();
  const html = event => {
    const medium = event.target;
    if (!medium.currentSrc || medium.loop && medium.autoplay) return;
    if (!known.has(medium)) known.set(medium, teller(() => medium.currentSrc, () => medium.title || medium.getAttribute('aria-label')));
    const action = {seeked: 'seek', ended: 'end'}[event.type] || event.type;
    if (action != 'pause' || !medium.ended) known.get(medium)(action, medium.currentTime);
  };
  listen(d, 'play pause seeked ended', html);
  d.querySelectorAll('audio,video').forEach(medium => { if (!medium.paused) html({target: medium, type: 'play'}); });

  // YouTube's players answer messages; no foreign script is loaded.
  const players = [], STATES = {0: 'end', 1: 'play', 2: 'pause'};
  const greet = () => d.querySelectorAll(YOUTUBE).forEach(frame => {
    let player = players.find(one => one.frame == frame);
    if (!player) {
      const url = 'https://www.youtube.com/watch?v=' + frame.src.split('/embed/')[1].split('?')[0];
      player = {frame, time: 0, url, title: frame.title};
      player.tell = teller(() => player.url, () => player.title);
      players.push(player);
    }
    if (!player.heard) frame.contentWindow.postMessage('{"event":"listening","id":1,"channel":"widget"}', '*');
  });
  listen(w, 'message', event => {
    const player = players.find(one => one.frame.contentWindow == event.source);
    if (!player || !/^https:\/\/www\.youtube(-nocookie)?\.com$/.test(event.origin)) return;
    let info;
    try { info = JSON.parse(event.data).info; } catch (e) { return; }
    player.heard = 1;
    if (!info) return;
    const state = STATES[info.playerState], time = info.currentTime;
    if (info.videoData) player.title = info.videoData.title || player.title;
    if (time >= 0) {
      if (Math.abs(time - player.time) > 3 && player.time) player.tell('seek', time);
      player.time = time;
    }
    if (state && state != player.state) player.tell(state, player.time);
    if (state) player.state = state;
  });
  greet();
  setInterval(greet, 2000);
}, 'media');
