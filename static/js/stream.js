// Live streams of server-sent events: connects, connects again after a break, and waits where too many are open.
(() => {
  "use strict";
  const CLOSED = 2, SHORT_SECONDS = 3, LONG_SECONDS = 30;

  // `say(text)` shows the state of the stream, `handlers` are listeners by the name of the event.
  window.openLiveStream = (url, say, handlers) => {
    let source = null, timer = 0, left = false;

    function connect() {
      if (left) return;
      source = new EventSource(url);
      source.addEventListener("open", () => say("Live"));
      source.addEventListener("error", () => { if (source.readyState === CLOSED) askWhy(); else say("Connecting again …"); });
      for (const [name, handler] of Object.entries(handlers)) source.addEventListener(name, handler);
    }

    function later(seconds, text) {
      say(text);
      timer = setTimeout(connect, 1000 * seconds * (1 + Math.random() / 4));
    }

    // A browser gives up when it is refused, and does not tell scripts the status: so ask once more, for the status only.
    async function askWhy() {
      const request = new AbortController();
      try {
        const answer = await fetch(url, { signal: request.signal, redirect: "manual", cache: "no-store" });
        const wait = Number(answer.headers.get("Retry-After")) || LONG_SECONDS;
        if (answer.ok) later(SHORT_SECONDS, "Connecting again …");
        else if (answer.status === 429) later(wait, "Too many live views are open. Close another one; this one then starts by itself.");
        else if (answer.status >= 500) later(wait, "Connecting again …");
        else say("The stream ended; reload the page.");
      } catch {
        later(LONG_SECONDS, "Connecting again …");
      }
      request.abort();
    }

    addEventListener("pagehide", () => { left = true; clearTimeout(timer); source.close(); });
    addEventListener("pageshow", (event) => { if (event.persisted) { left = false; connect(); } });
    connect();
  };
})();
