/** Where a page has forms, loads the part that reports their submissions. */
import { d, listen } from "./settings.js";

export const watchForms = loadPart => {
  const loadIfNeeded = () => {
    if (d.forms[0]) loadPart("form");
  };
  loadIfNeeded();
  listen(d, "focusin pointerdown", loadIfNeeded);
};
