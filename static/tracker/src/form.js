/** Lazy part: submitted forms, with name, id and plugin, never a value. */
import { d, listen, w } from "./settings.js";

// These report themselves once the server took them; their submit event alone is not yet a submission.
const REPORTED_BY_PLUGIN = '.wpcf7-form,.wpforms-ajax-form,[target^="gform_ajax"]';

const getName = form => form.getAttribute("name") || form.getAttribute("aria-label") || form.id;

w._cgen.use(({ sendForm }) => {
  listen(d, "submit", ({ target }) => {
    if (!target.matches(REPORTED_BY_PLUGIN)) sendForm(getName(target), target.id, "native");
  });
  listen(d, "wpcf7mailsent", event => sendForm("", event.detail.contactFormId, "Contact Form 7"));
  if (!w.jQuery) return;
  w.jQuery(d)
    .on("wpformsAjaxSubmitSuccess", ({ target }) => sendForm(getName(target), target.id, "WPForms"))
    .on("gform_confirmation_loaded", (_event, id) => sendForm("", id, "Gravity Forms"));
}, "form");
