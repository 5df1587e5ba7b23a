/** Live streams of server-sent events: connects, connects again after a break, and waits if too many are open. */

const SHORT_WAIT_SECONDS = 3;
const LONG_WAIT_SECONDS = 30;

/**
 * Opens the stream at `url`, for as long as the page is shown.
 * @param {string} url
 * @param {(text: string) => void} showState shows the state of the connection
 * @param {Object<string, (event: MessageEvent) => void>} listeners by the name of the event
 */
export function openLiveStream(url, showState, listeners) {
  let source = null;
  let timer = 0;
  let isPageHidden = false;

  function connect() {
    if (isPageHidden) return;
    source = new EventSource(url);
    source.addEventListener("open", () => showState("Live"));
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) connectAfterRefusal();
      else showState("Connecting again …");
    });
    for (const [name, listener] of Object.entries(listeners)) source.addEventListener(name, listener);
  }

  function connectLater(seconds, text) {
    showState(text);
    timer = setTimeout(connect, 1000 * seconds * (1 + Math.random() / 4));
  }

  async function connectAfterRefusal() {
    const { seconds, text } = await findRefusalReason(url);
    if (seconds) connectLater(seconds, text);
    else showState(text);
  }

  addEventListener("pagehide", () => {
    isPageHidden = true;
    clearTimeout(timer);
    source.close();
  });
  addEventListener("pageshow", event => {
    if (!event.persisted) return;
    isPageHidden = false;
    connect();
  });
  connect();
}

/**
 * Finds out why the stream was refused: a browser does not tell scripts the status, so request it once more.
 * @returns {Promise<{seconds: number, text: string}>} how long to wait, 0 for ever; and what to tell the reader
 */
async function findRefusalReason(url) {
  const request = new AbortController();
  try {
    const response = await fetch(url, { signal: request.signal, redirect: "manual", cache: "no-store" });
    const retryAfter = Number(response.headers.get("Retry-After")) || LONG_WAIT_SECONDS;
    if (response.ok) return { seconds: SHORT_WAIT_SECONDS, text: "Connecting again …" };
    if (response.status === 429) {
      const text = "Too many live views are open. Close another one; this one then starts automatically.";
      return { seconds: retryAfter, text };
    }
    if (response.status >= 500) return { seconds: retryAfter, text: "Connecting again …" };
    return { seconds: 0, text: "The stream ended; reload the page." };
  } catch {
    return { seconds: LONG_WAIT_SECONDS, text: "Connecting again …" };
  } finally {
    request.abort();
  }
}
