/** Lazy part: forms that were sent, with name, id and plugin, never a value. */
import {d, listen, w} from './settings.js';

// These tell themselves once the server took them; their submit event alone is not yet a submission.
const BY_PLUGIN = '.wpcf7-form,.wpforms-ajax-form,[target^="gform_ajax"]';

const name = form => form.getAttribute('name') || form.getAttribute('aria-label') || form.id;

w._cgen.use(({form}) => {
  listen(d, 'submit', event => {
    const sent = event.target;
    if (!sent.matches(BY_PLUGIN)) form(name(sent), sent.id, 'native');
  });
  listen(d, 'wpcf7mailsent', event => form('', event.detail.contactFormId, 'Contact Form 7'));
  if (!w.jQuery) return;
  w.jQuery(d).on('wpformsAjaxSubmitSuccess', event => form(name(event.target), event.target.id, 'WPForms'))
    .on('gform_confirmation_loaded', (event, id) => form('', id, 'Gravity Forms'));
}, 'form');
