/** Spy: actions as they happen, newest first. Pausing holds new ones back; so does the pointer over the list. */
import { openLiveStream } from "../live-stream.js";
import { addAction, addEngagedTime, updateDurations } from "./actions.js";
import { addDot } from "./map.js";

const MAX_HELD_BACK = 300;
const list = document.getElementById("spy");
const state = document.getElementById("spy-state");
const pauseButton = document.getElementById("spy-pause");
let isPaused = false;
let isPointerOver = false;
/** The HTML of the actions that are held back. */
let heldBack = [];

function isHolding() {
  return isPaused || isPointerOver;
}

function showState(text) {
  state.textContent = text;
}

/** @param {MessageEvent<string>} event whose data is the action as an HTML list item */
function handleAction(event) {
  document.body.dispatchEvent(new Event("spy:action")); // the number of visitors online listens to it
  if (!isHolding()) {
    showAction(event.data);
    return;
  }
  heldBack = [...heldBack, event.data].slice(-MAX_HELD_BACK);
  showState(`Paused, ${heldBack.length} waiting`);
}

function showAction(html) {
  const item = addAction(list, html);
  if (!item) return;
  addDot(item);
  document.getElementById("spy-empty").hidden = true;
}

function showHeldBack() {
  for (const html of heldBack.splice(0)) showAction(html);
  if (!isHolding()) showState("Live");
}

function setPaused(value) {
  isPaused = value;
  pauseButton.setAttribute("aria-pressed", String(isPaused));
  pauseButton.querySelector("span").textContent = isPaused ? "Go on" : "Pause";
  showState(isPaused ? "Paused" : "Live");
  if (!isPaused) showHeldBack();
}

function start() {
  const showConnection = text => {
    if (text !== "Live" || !isHolding()) showState(text);
  };
  openLiveStream(list.dataset.stream, showConnection, {
    action: handleAction,
    ping: event => addEngagedTime(list, JSON.parse(event.data)),
  });
  pauseButton.hidden = false;
  pauseButton.addEventListener("click", () => setPaused(!isPaused));
  list.addEventListener("mouseenter", () => {
    isPointerOver = true;
  });
  list.addEventListener("mouseleave", () => {
    isPointerOver = false;
    if (!isPaused) showHeldBack();
  });
  setInterval(() => updateDurations(list), 1000);
}

if (list?.dataset.stream && window.EventSource) start();
