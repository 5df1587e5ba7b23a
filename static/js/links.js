// Pages of links: the live stream goes on by itself, the editor shows the fields of the chosen way, and the toolbox
// calls operations.
(function () {
  "use strict";
  var list = document.querySelector("[data-live]");
  if (list && window.EventSource) {
    var state = document.querySelector("[data-live-state]");
    openLiveStream(list.dataset.live, function (text) { if (state) state.textContent = text; }, {
      message: function (message) { show(JSON.parse(message.data)); },
    });
  }
  var mode = document.getElementById("id_mode");
  if (mode) {
    var ways = function () {
      document.querySelectorAll("[data-mode]").forEach(function (part) { part.hidden = part.dataset.mode !== mode.value; });
    };
    mode.addEventListener("change", ways);
    ways();
  }
  function show(hit) {
    var empty = list.querySelector("[data-live-empty]");
    if (empty) empty.remove();
    var item = document.createElement("li");
    item.className = hit.what === "robot" ? "hit soft" : "hit";
    var time = document.createElement("time");
    time.textContent = hit.time;
    var what = document.createElement("span");
    what.className = hit.unique ? "chip small" : "chip small chip-quiet";
    what.textContent = hit.what;
    var link = document.createElement("a");
    link.href = hit.href;
    link.textContent = hit.link;
    var rest = document.createElement("span");
    rest.className = "soft small";
    rest.textContent = [hit.place, hit.from && "from " + hit.from, hit.with].filter(Boolean).join(" · ") + (hit.to ? " → " + hit.to.slice(0, 60) : "");
    [time, what, link, rest].forEach(function (part) { item.append(part, " "); });
    list.prepend(item);
    while (list.children.length > 200) list.lastElementChild.remove();
  }

  var form = document.querySelector("[data-toolbox]");
  if (!form) return;
  var method = document.getElementById("tool-method");
  var path = document.getElementById("tool-path");
  var ownKey = "";
  // The key is not in the page: it is fetched, as behind "Show", when the first operation is sent
  function readKey() {
    var typed = document.getElementById("tool-key").value;
    if (typed || ownKey) return Promise.resolve(typed || ownKey);
    return fetch(form.dataset.keyAddress, { headers: { "HX-Request": "true" } }).then(function (response) {
      return response.text();
    }).then(function (html) {
      var secret = new DOMParser().parseFromString(html, "text/html").querySelector(".secret");
      if (!secret) throw new Error("Your key could not be read. Reload the page and log in again.");
      ownKey = secret.textContent.trim();
      return ownKey;
    });
  }
  document.querySelectorAll("[data-operation]").forEach(function (link) {
    link.addEventListener("click", function (event) {
      event.preventDefault();
      method.value = link.dataset.operation;
      path.value = link.dataset.path;
      path.focus();
    });
  });
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    var body = document.getElementById("tool-body").value.trim();
    var options = { method: method.value, headers: {} };
    if (body && method.value !== "GET") {
      options.body = body;
      options.headers["Content-Type"] = "application/json";
    }
    var answer = document.querySelector("[data-toolbox-answer]");
    readKey().then(function (key) {
      options.headers["X-Clickmeter-Authkey"] = key;
      return fetch("/clickmeter" + path.value, options);
    }).then(function (response) {
      return response.text().then(function (text) {
        try { text = JSON.stringify(JSON.parse(text), null, 2); } catch (error) { /* shown as it came */ }
        answer.textContent = response.status + "\n" + text;
      });
    }).catch(function (error) { answer.textContent = String(error); });
  });
})();
