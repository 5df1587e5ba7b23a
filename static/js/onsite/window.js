/**
 * The window that a badge opens. It gives a code to the frame of the widget, which is of our origin as well, on the
 * page that opened the window; that page itself is told nothing. Then it closes.
 */

const HELLO_MS = 250;
const PATIENCE_MS = 20000;
const CHANNEL = "widget"; // of our windows and tabs: somebody has logged in

const { base } = document.body.dataset;
let isAnswered = false;

const show = name => {
  for (const line of document.querySelectorAll("[data-state]")) line.hidden = line.dataset.state !== name;
};

/** Calls the frames of the page that opened this window; only one of our origin hears it. */
const callFrames = () => {
  for (let index = 0; index < window.opener.length; index++) {
    window.opener[index].postMessage({ onsite: "hello", base }, location.origin);
  }
};

/** Gets a code for the page's origin and gives it to the frame. */
const handOver = async (frame, origin) => {
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const request = { method: "POST", headers: { "X-CSRFToken": token }, body: new URLSearchParams({ origin }) };
  const answer = await fetch(`${base}/grant`, request).catch(() => null); // no connection
  if (!answer?.ok) return show("refused");
  frame.postMessage({ onsite: "code", base, code: (await answer.json()).code }, location.origin);
  window.close();
};

const start = () => {
  if (!window.opener) return show("alone");
  const calling = setInterval(callFrames, HELLO_MS);
  const losingPatience = setTimeout(() => show("silent"), PATIENCE_MS); // and goes on calling: the page may be slow
  addEventListener("message", event => {
    const isOurs = event.origin === location.origin && event.source !== window;
    if (!isOurs || isAnswered || event.data?.onsite !== "request" || event.data.base !== base) return;
    isAnswered = true;
    clearInterval(calling);
    clearTimeout(losingPatience);
    show("working");
    handOver(event.source, event.data.origin);
  });
  callFrames();
};

if (base) start();
else if (document.body.dataset.loggedIn !== undefined) new BroadcastChannel(CHANNEL).postMessage("logged in");
else new BroadcastChannel(CHANNEL).onmessage = () => location.reload();
