// The stream of Spy: new lines on top, seconds ticking, dots on the map. Pause holds lines back, hover too.
(() => {
  "use strict";
  const list = document.getElementById("spy");
  if (!list || !list.dataset.stream || !window.EventSource) return;
  const state = document.getElementById("spy-state");
  const button = document.getElementById("spy-pause");
  const map = document.getElementById("spy-map");
  const MOST = 300, TICK_SECONDS = 300;
  let paused = false, over = false, waiting = [];

  const say = (text) => { state.textContent = text; };
  const held = () => paused || over;

  function lineOf(html) {
    const box = document.createElement("template");
    box.innerHTML = html;
    return box.content.firstElementChild;
  }

  function glow(line) {
    if (!line.dataset.x || !map) return;
    const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    for (const [name, value] of Object.entries({ class: "dot live", cx: line.dataset.x, cy: line.dataset.y, r: 4 })) dot.setAttribute(name, value);
    map.append(dot);
    const dots = map.querySelectorAll(".dot");
    for (let i = 0; i < dots.length - 150; i++) dots[i].remove();
  }

  // A visitor whose name is learned is called by it in the lines that are there already.
  function rename(line) {
    if (!("known" in line.dataset)) return;
    const name = line.querySelector(".who a").textContent;
    for (const other of list.querySelectorAll(`[data-visit="${CSS.escape(line.dataset.visit)}"]:not([data-known])`)) {
      other.dataset.known = "";
      other.querySelector(".who a").textContent = name;
    }
  }

  function add(html) {
    const line = lineOf(html);
    if (!line) return;
    line.dataset.since = Date.now();
    rename(line);
    list.prepend(line);
    glow(line);
    document.getElementById("spy-empty").hidden = true;
    while (list.children.length > MOST) list.lastElementChild.remove();
  }

  function flush() {
    for (const html of waiting.splice(0)) add(html);
    if (!held()) say("Live");
  }

  function written(seconds) {
    if (seconds < 60) return `${seconds}s`;
    return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, "0")}s`;
  }

  function tick() {
    const seen = new Set();
    for (const line of list.children) {
      const { visit, since } = line.dataset;
      if (seen.has(visit)) continue;
      seen.add(visit);
      const seconds = Math.round((Date.now() - Number(since)) / 1000);
      if (since && seconds <= TICK_SECONDS) line.querySelector(".stay").textContent = written(Math.max(seconds, Number(line.dataset.seconds)));
    }
  }

  function attention({ view, seconds }) {
    const line = list.querySelector(`[data-view="${CSS.escape(view)}"]`);
    if (!line || view === "0") return;
    line.dataset.seconds = Number(line.dataset.seconds || 0) + seconds;
    line.querySelector(".stay").textContent = written(Number(line.dataset.seconds));
  }

  function setPaused(on) {
    paused = on;
    button.setAttribute("aria-pressed", String(on));
    button.querySelector("span").textContent = on ? "Go on" : "Pause";
    say(on ? "Paused" : "Live");
    if (!on) flush();
  }

  function action(event) {
    document.body.dispatchEvent(new Event("spy:action"));
    if (!held()) return add(event.data);
    waiting = [...waiting, event.data].slice(-MOST);
    say(`Paused, ${waiting.length} waiting`);
  }

  openLiveStream(list.dataset.stream, (text) => { if (text !== "Live" || !held()) say(text); }, {
    action,
    ping: (event) => attention(JSON.parse(event.data)),
  });
  button.hidden = false;
  button.addEventListener("click", () => setPaused(!paused));
  list.addEventListener("mouseenter", () => { over = true; });
  list.addEventListener("mouseleave", () => { over = false; if (!paused) flush(); });
  setInterval(tick, 1000);
})();
