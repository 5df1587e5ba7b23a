/**
 * The window that a badge opens. It gives a code to the frame of the widget, which is of our origin as well, on the
 * page that opened the window; that page itself is told nothing. Then it closes, or, where frames have no storage, it
 * stays and keeps the next code for the frame on the next page.
 */

const HELLO_MS = 250;
const PAUSE_MS = 1000; // after a code was given, in which the frame exchanges it
const PATIENCE_MS = 20000;
const CHANNEL = "widget"; // of our windows and tabs: somebody has logged in

const { base } = document.body.dataset;
let isBusy = false;
let keptCode = "";

const show = name => {
  for (const line of document.querySelectorAll("[data-state]")) line.hidden = line.dataset.state !== name;
};

/** Calls the frames of the page that opened this window; only one of our origin hears it. */
const callFrames = () => {
  if (window.opener.closed) window.close();
  if (isBusy) return;
  for (let index = 0; index < window.opener.length; index++) {
    window.opener[index].postMessage({ onsite: "hello", base }, location.origin);
  }
};

/** Returns a code for a page of this origin; "" if there is none. */
const fetchCode = async origin => {
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const request = { method: "POST", headers: { "X-CSRFToken": token }, body: new URLSearchParams({ origin }) };
  const answer = await fetch(`${base}/grant`, request).catch(() => null); // no connection
  return answer?.ok ? (await answer.json()).code : "";
};

/** Gives the frame the code that was kept, or a new one. */
const handOver = async (frame, { origin, keeps, stale }) => {
  if (isBusy) return;
  isBusy = true;
  const code = (!stale && keptCode) || (await fetchCode(origin));
  keptCode = "";
  if (!code) return show("refused"); // and stays busy
  frame.postMessage({ onsite: "code", base, code }, location.origin);
  if (keeps) return window.close();
  show("keep");
  setTimeout(() => {
    isBusy = false;
  }, PAUSE_MS);
};

const takeMessage = event => {
  if (event.origin !== location.origin || event.source === window || event.data?.base !== base) return;
  if (event.data.onsite === "request") handOver(event.source, event.data);
  if (event.data.onsite === "keep") keptCode = event.data.code;
  if (event.data.onsite === "done") window.close();
};

const start = () => {
  if (!window.opener) return show("alone");
  addEventListener("message", takeMessage);
  setInterval(callFrames, HELLO_MS);
  setTimeout(() => {
    if (!isBusy && !document.querySelector("[data-state=working]").hidden) show("silent"); // and goes on calling
  }, PATIENCE_MS);
  callFrames();
};

if (base) start();
else if (document.body.dataset.loggedIn !== undefined) new BroadcastChannel(CHANNEL).postMessage("logged in");
else new BroadcastChannel(CHANNEL).onmessage = () => location.reload();
