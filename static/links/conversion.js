// Reports a conversion: the page sets ClickMeter_conversion_id and, where it likes, _value, _commission,
// _commission_percentage and _parameter. The click's id is taken from the address, where the page still has it.
(function (w, d) {
  var script = d.getElementById("cmconvscript") || d.currentScript;
  var id = w.ClickMeter_conversion_id;
  if (!id || !script) return;
  var formatNumber = function (value) {
    return String(value === undefined ? "0.00" : value).replace(",", ".");
  };
  var query = {
    id: id,
    val: formatNumber(w.ClickMeter_conversion_value),
    param: w.ClickMeter_conversion_parameter || "empty",
    com: formatNumber(w.ClickMeter_conversion_commission),
    comperc: formatNumber(w.ClickMeter_conversion_commission_percentage),
  };
  var clickId = /[?&]ffclid=([^&#]+)/.exec(d.location.search);
  if (clickId) query.clickId = clickId[1];
  var pairs = Object.keys(query).map(function (name) {
    return name + "=" + encodeURIComponent(query[name]);
  });
  var url = new URL(script.src, d.location.href);
  var frame = d.createElement("iframe");
  frame.width = frame.height = 0;
  frame.hidden = true;
  frame.title = "";
  frame.setAttribute("aria-hidden", "true");
  frame.src = url.origin + "/conversion.aspx?" + pairs.join("&");
  (d.body || d.documentElement).appendChild(frame);
})(window, document);
