// Reports a conversion: the page sets ClickMeter_conversion_id and, where it likes, _value, _commission,
// _commission_percentage and _parameter. The click's word is taken from the address, where the page still has it.
(function (w, d) {
  var me = d.getElementById("cmconvscript") || d.currentScript;
  var id = w.ClickMeter_conversion_id;
  if (!id || !me) return;
  var number = function (value) { return String(value === undefined ? "0.00" : value).replace(",", "."); };
  var query = {
    id: id,
    val: number(w.ClickMeter_conversion_value),
    param: w.ClickMeter_conversion_parameter || "empty",
    com: number(w.ClickMeter_conversion_commission),
    comperc: number(w.ClickMeter_conversion_commission_percentage),
  };
  var word = /[?&]ffclid=([^&#]+)/.exec(d.location.search);
  if (word) query.clickId = word[1];
  var text = Object.keys(query).map(function (name) { return name + "=" + encodeURIComponent(query[name]); });
  var home = new URL(me.src, d.location.href);
  var frame = d.createElement("iframe");
  frame.width = frame.height = 0;
  frame.hidden = true;
  frame.title = "";
  frame.setAttribute("aria-hidden", "true");
  frame.src = home.origin + "/conversion.aspx?" + text.join("&");
  (d.body || d.documentElement).appendChild(frame);
})(window, document);
