// Loads a tracking pixel: ClickMeter_pixel_url names it. Adds a random number against caches and the page's referrer.
(function (w, d) {
  var url = w.ClickMeter_pixel_url;
  if (!url) return;
  if (url.slice(0, 2) === "//") url = (d.location.protocol === "https:" ? "https:" : "http:") + url;
  url += (url.indexOf("?") < 0 ? "?" : "&") + "c=" + String(Math.random()).slice(2, 9);
  if (d.referrer) url += "&r=" + encodeURIComponent(d.referrer);
  var frame = d.createElement("iframe");
  frame.width = frame.height = 0;
  frame.hidden = true;
  frame.title = "";
  frame.setAttribute("aria-hidden", "true");
  frame.referrerPolicy = "unsafe-url";
  frame.src = url;
  (d.body || d.documentElement).appendChild(frame);
})(window, document);
