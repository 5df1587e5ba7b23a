// What every page gets on top of its HTML: theme, keys, "go anywhere", exclusion by Alt. All of it works without.
(() => {
  "use strict";
  const root = document.documentElement;
  const one = (selector) => document.querySelector(selector);
  document.cookie = "js=1; path=/; max-age=31536000; samesite=lax";

  function toggleTheme() {
    const chosen = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = chosen === "dark" ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
  }

  // A sheet over the page, with a part the server renders
  async function overlay(url, label) {
    one("dialog.over")?.remove();
    const dialog = document.createElement("dialog");
    dialog.className = "over panel";
    dialog.setAttribute("aria-label", label || (url.startsWith("/keys") ? "Keyboard shortcuts" : "Go anywhere"));
    let typed = "";
    dialog.innerHTML = '<p class="soft" aria-busy="true">…</p>';
    dialog.tabIndex = -1;
    dialog.addEventListener("keydown", (event) => { if (event.target === dialog && event.key.length === 1 && !event.ctrlKey && !event.metaKey) typed += event.key; });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    dialog.focus();
    const answer = await fetch(url, { headers: { "HX-Request": "true" } });
    if (!answer.ok) { location.href = url; return; }
    dialog.innerHTML = await answer.text();
    window.htmx?.process(dialog);
    const field = dialog.querySelector("input");
    if (!field) return;
    field.focus();
    if (!typed) return;
    field.value = typed; // what was typed before the list was there
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function openMenu(selector, field) {
    const menu = one(selector)?.closest("details");
    if (!menu) return false;
    menu.open = true;
    menu.querySelector(field)?.focus();
    return true;
  }

  const follow = (selector) => one(selector)?.click();
  const keys = {
    "/": () => { const box = one("[data-search]"); if (box) box.focus(); else openMenu("[data-filter]", 'select, input:not([type="hidden"])'); },
    "?": () => overlay("/keys"),
    d: toggleTheme,
    c: () => openMenu("[data-compare]", "a"),
    x: () => follow("[data-clear]"),
    e: () => openMenu("[data-export] > summary", "a") || openMenu("[data-picture] > summary", "a"),
    s: () => { if (document.body.dataset.site) location.href = `/sites/${document.body.dataset.site}/spy`; },
  };

  function onKey(event) {
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      overlay("/go");
      return;
    }
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (typing || event.metaKey || event.ctrlKey || event.altKey || one("dialog[open]")) return;
    const key = event.key.toLowerCase();
    const period = one(`[data-key="${CSS.escape(event.key.toUpperCase())}"]`);
    if (keys[key]) keys[key]();
    else if (period) period.click();
    else if (/^[0-9]$/.test(key)) goToSite(Number(key));
    else return;
    event.preventDefault();
  }

  // The server knows which site is the n-th; 0 is all of them
  function goToSite(number) {
    location.href = `/go?site=${number}&from=${encodeURIComponent(location.pathname + location.search)}`;
  }

  function onClick(event) {
    const target = event.target.closest("[data-theme-toggle], [data-palette], [data-switch], [data-keys], [data-print], [data-without], [data-copy], [data-over], [data-png]");
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
    if (!target) return;
    if (target.dataset.without !== undefined) {
      if (!event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      location.href = target.dataset.without;
      return;
    }
    if (target.matches("[data-palette], [data-switch], [data-keys], [data-over]") && (event.metaKey || event.ctrlKey || event.shiftKey)) return;
    event.preventDefault();
    if (target.matches("[data-theme-toggle]")) toggleTheme();
    else if (target.matches("[data-print]")) window.print();
    else if (target.matches("[data-copy]")) copy(target);
    else if (target.matches("[data-png]")) asPng(target.getAttribute("href"));
    else if (target.matches("[data-over]")) overlay(target.getAttribute("href"), target.dataset.over);
    else overlay(target.getAttribute("href") === "/keys" ? "/keys" : "/go");
  }

  // Beside what is there to be taken along stands a button
  function copyButtons() {
    for (const text of document.querySelectorAll('[data-copy=""]')) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "button button-quiet copy", textContent: "Copy" });
      button.dataset.copy = text.textContent.trim();
      text.removeAttribute("data-copy");
      text.after(button);
    }
  }
  async function copy(button) {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }

  // The server's SVG, painted twice as large for sharp screens
  async function asPng(url) {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth * 2;
    canvas.height = image.naturalHeight * 2;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${document.title.replace(/[^\p{L}\p{N}]+/gu, "-")}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  // Open tabs stay open when the sheet is asked for again
  function keepTabs(event) {
    if (event.detail.target?.id !== "sheet") return;
    const url = new URL(event.detail.path, location.href);
    for (const [name, value] of new URLSearchParams(location.search)) {
      if (name.startsWith("tab.") && !url.searchParams.has(name)) url.searchParams.set(name, value);
    }
    event.detail.path = url.pathname + url.search;
  }

  // Where one is, in a row of links that is wider than the screen
  function showWhere() {
    for (const row of document.querySelectorAll(".sections, .settings-nav")) {
      const here = row.querySelector("[aria-current]");
      if (!here || row.scrollWidth <= row.clientWidth) continue;
      const [outer, inner] = [row.getBoundingClientRect(), here.getBoundingClientRect()];
      row.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
    }
  }

  function ready() {
    copyButtons();
    showWhere();
    for (const hidden of document.querySelectorAll("[data-print][hidden], [data-png][hidden]")) hidden.hidden = false;
  }

  // When the sheet is asked for again, what stood there stays, paler, until the new numbers come: nothing blinks
  let stood = new Map();
  function keepStanding(event) {
    if (event.detail.target?.id !== "sheet") return;
    stood = new Map([...document.querySelectorAll("#sheet .data[id], #headline, #live")].map((place) => [place.id, place]));
    for (const asking of document.querySelectorAll("#headline, #panels > [hx-get]")) window.htmx.trigger(asking, "htmx:abort");
  }
  function standAgain() {
    for (const [id, old] of stood) {
      const place = document.getElementById(id);
      if (!place || place === old || !place.closest("[aria-busy], #live")) continue;
      place.replaceChildren(...old.childNodes);
      if (id === "live") continue;
      place.classList.add("stands");
      place.inert = true;
    }
    stood = new Map();
  }

  function failed(event) {
    const target = event.detail.target;
    if (!target?.matches) return;
    for (const place of target.matches(".waiting") ? [target] : target.querySelectorAll(".waiting")) didNotArrive(place);
  }
  function didNotArrive(place) {
    if (place.classList.contains("stands")) for (const old of place.querySelectorAll(".tabs, .more")) old.remove();
    place.classList.remove("waiting", "stands");
    place.inert = false;
    place.setAttribute("aria-busy", "false");
    const body = place.querySelector(".panel-body") || place;
    const link = place.querySelector(".panel-head h2 a") || Object.assign(document.createElement("a"), { href: location.href });
    body.classList.remove("skeleton");
    body.removeAttribute("aria-hidden");
    const note = document.createElement("p");
    note.className = "empty";
    note.append("This part did not arrive. ", Object.assign(link.cloneNode(), { textContent: "Try again" }));
    body.replaceChildren(note);
    window.htmx.process(body);
  }

  document.addEventListener("keydown", onKey);
  document.addEventListener("click", onClick, true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
  });
  document.addEventListener("htmx:configRequest", keepTabs);
  document.addEventListener("htmx:responseError", failed);
  document.addEventListener("htmx:sendError", failed);
  document.addEventListener("htmx:beforeSwap", keepStanding);
  document.addEventListener("htmx:afterSettle", standAgain); // not before: until then htmx lets new parts look like old ones
  document.addEventListener("htmx:afterSettle", ready);
  document.addEventListener("DOMContentLoaded", ready);
})();
