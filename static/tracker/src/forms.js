/** Where a page has forms, fetches the part that knows when one was sent. */
import {d, listen} from './settings.js';

export const watchForms = part => {
  const look = () => { if (d.forms[0]) part('form'); };
  look();
  listen(d, 'focusin pointerdown', look);
};
