/**
 * The frame of the on-site widget, on a page of a customer.
 *
 * It gets a code from our own window (window.js), exchanges it for a token, and asks with that for the numbers of the
 * page. The token is in memory only. The next code, which works once, is in this tab's storage of our origin, so that
 * the widget is still open on the next page. Browsers that block third-party cookies may give frames no storage: then
 * the window stays open and keeps the code. The customer's page learns sizes, and the heatmap that it paints.
 */

const REFRESH_MS = 15000;
const CODE = `code ${document.body.dataset.base}`; // in sessionStorage, which a frame has for each site that it is in
const PANEL = { wide: 380, tall: 560 };
const MARGIN = 2; // pixels around the closed widget

const body = document.body;
const { base } = body.dataset;
const live = document.querySelector("#live");
const panel = document.querySelector("#panel");
const content = document.querySelector("#content");
const period = document.querySelector("#period");
const tabs = [...document.querySelectorAll("[data-tab]")];

let pageOrigin = "";
let page = {};
let token = "";
let tab = "page";
let isPainted = false;
let isTaking = false;
let renewing = null;
let keeper = null; // our window, where it has to keep the next code
let nextCode = "";

const tellPage = (kind, more) => window.parent.postMessage({ onsite: kind, ...more }, pageOrigin);

/** Whether this frame has storage; if so, takes the next code from it. */
const canStore = (() => {
  try {
    nextCode = sessionStorage.getItem(CODE) || "";
    return true;
  } catch {
    return false;
  }
})();

const tellWindow = (target, kind, more) =>
  target?.postMessage({ onsite: kind, base, origin: pageOrigin, keeps: canStore, ...more }, location.origin);

/** Keeps the next code, or with "" none. */
const keepCode = code => {
  nextCode = code;
  if (canStore) sessionStorage.setItem(CODE, code);
  else tellWindow(keeper, "keep", { code });
};

const closeWidget = () => {
  token = "";
  keepCode("");
  tellPage("closed");
};

/** Exchanges a code for a token; returns whether it was worth one. */
const exchangeCode = async code => {
  if (!code) return false;
  keepCode("");
  const exchange = { method: "POST", body: new URLSearchParams({ code }) };
  const answer = await fetch(`${base}/token`, exchange).catch(() => null); // no connection
  if (!answer?.ok) return false;
  const access = await answer.json();
  token = access.token;
  keepCode(access.code);
  return true;
};

/** Exchanges the next code; requests that find the token over at the same time share one exchange. */
const renewToken = () => {
  renewing ||= exchangeCode(nextCode).finally(() => {
    renewing = null;
  });
  return renewing;
};

/** Asks for a part of the page's numbers, with a new token if the present one is over. Null: not open any more. */
const request = async (part, more = {}, method = "GET") => {
  const parameters = new URLSearchParams({ href: page.href, period: period.value, w: page.width, ...more });
  const ask = () =>
    fetch(`${base}/${part}?${parameters}`, {
      method,
      headers: { Authorization: `Bearer ${token}` },
      cache: "no-store",
    }).catch(() => new Response("", { status: 503 })); // no connection
  const used = token;
  let answer = await ask();
  if (answer.status === 401 && (token !== used || (await renewToken()))) answer = await ask();
  if (answer.status !== 401) return answer;
  closeWidget();
  return null;
};

const showFailure = text => {
  const line = document.createElement("p");
  line.className = "failed";
  line.setAttribute("role", "status");
  line.textContent = text || "The numbers cannot be read right now.";
  content.replaceChildren(line);
};

const readFailure = async answer => {
  try {
    return (await answer.json()).error;
  } catch {
    return "";
  }
};

/** Tells the customer's page how large the frame is: as large as the panel, or as the number alone. */
const fitFrame = () => {
  const box = live.getBoundingClientRect();
  const closed = { wide: Math.ceil(box.width) + 2 * MARGIN, tall: Math.ceil(box.height) + 2 * MARGIN };
  tellPage("size", panel.hidden ? closed : PANEL);
};

const refreshOnline = async () => {
  const answer = await request("online");
  if (!answer?.ok) return;
  const online = await answer.json();
  for (const [name, value] of Object.entries(online)) {
    for (const element of document.querySelectorAll(`[data-online=${name}]`)) element.textContent = value;
  }
  live.classList.toggle("on", online.site > 0);
  if (panel.hidden) fitFrame();
};

/** Names what is chosen: an answer is shown only if it still is. */
const describeView = () => `${tab} ${page.href} ${period.value}`;

const clearHeatmap = () => {
  if (isPainted) tellPage("clear");
  isPainted = false;
};

const showHeatmap = async () => {
  const chosen = describeView();
  const answer = await request("heatmap", { period: period.value });
  if (!answer || chosen !== describeView()) return;
  if (!answer.ok) return showFailure(await readFailure(answer));
  const clicks = await answer.json();
  clearHeatmap();
  if (!clicks.clicks) return showFailure("No clicks on this page in this period, in windows as wide as this one.");
  tellPage("heatmap", { answer: { elements: clicks.elements, points: clicks.points } });
  isPainted = true;
  const text = document.querySelector("#heatmap").content.cloneNode(true);
  const half = clicks.reach.filter(share => share >= 0.5).length - 1; // in twentieths of the page
  const numbers = { ...clicks, half: `${Math.max(0, 5 * half)}%` };
  for (const element of text.querySelectorAll("[data-number]")) element.textContent = numbers[element.dataset.number];
  content.replaceChildren(text);
};

/** Shows the chosen tab. An answer that comes after another tab was chosen is dropped. */
const showTab = async () => {
  for (const button of tabs) button.setAttribute("aria-selected", String(button.dataset.tab === tab));
  content.setAttribute("aria-labelledby", `tab-${tab}`);
  if (tab !== "heatmap") clearHeatmap();
  if (tab === "heatmap") return showHeatmap();
  const chosen = describeView();
  const [part, only] = tab.split("-");
  const answer = await request(part, only ? { only } : {});
  if (!answer || chosen !== describeView()) return;
  if (!answer.ok) return showFailure(await readFailure(answer));
  content.innerHTML = await answer.text();
};

const togglePanel = isOpen => {
  panel.hidden = !isOpen;
  live.hidden = isOpen;
  fitFrame();
  if (isOpen) {
    showTab();
    document.querySelector("#shrink").focus();
  } else {
    live.focus(); // a heatmap stays on the page, to be looked at without the panel in front of it
  }
};

const showWidget = async () => {
  live.hidden = false;
  await refreshOnline();
  if (token) fitFrame();
};

/** Takes a page from the customer's page: the first one, or the next in a page that changes its address itself. */
const takePage = async event => {
  const { href, width, opening } = event.data;
  const isFirst = !pageOrigin;
  if (!isFirst && event.origin !== pageOrigin) return;
  pageOrigin = event.origin;
  page = { href: String(href), width: Number(width) || 0 };
  if (token) {
    refreshOnline();
    if (!panel.hidden) showTab();
  } else if (isFirst && !opening && canStore) {
    if (await renewToken()) showWidget();
    else closeWidget();
  } // else our window will call
};

/** Takes what our own window says: it calls, and gives a code; one that was used already is asked for anew. */
const takeWindow = async ({ data, source }) => {
  if (data.base !== base || !pageOrigin || token || isTaking) return;
  if (!canStore) keeper = source;
  if (data.onsite === "hello") tellWindow(source, "request");
  if (data.onsite !== "code") return;
  isTaking = true;
  if (await exchangeCode(data.code)) showWidget();
  else tellWindow(source, "request", { stale: true });
  isTaking = false;
};

addEventListener("message", event => {
  if (event.source === window.parent && event.data?.onsite === "page") takePage(event);
  else if (event.source !== window.parent && event.origin === location.origin && event.data) takeWindow(event);
});

window.parent.postMessage({ onsite: "ready" }, "*"); // the page tells its origin in answer
live.addEventListener("click", () => togglePanel(true));
document.querySelector("#shrink").addEventListener("click", () => togglePanel(false));
document.querySelector("#close").addEventListener("click", async () => {
  clearHeatmap();
  await request("close", {}, "POST");
  tellWindow(keeper, "done");
  closeWidget();
});
period.addEventListener("change", showTab);
for (const button of tabs) {
  button.addEventListener("click", () => {
    tab = button.dataset.tab;
    showTab();
  });
}
addEventListener("keydown", event => {
  if (event.key === "Escape" && !panel.hidden) togglePanel(false);
});
setInterval(() => {
  if (token && !document.hidden) refreshOnline();
}, REFRESH_MS);
