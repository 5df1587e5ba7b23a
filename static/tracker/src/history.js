/** Addresses that change without a new document. */
import { listen, w } from "./settings.js";

/**
 * Calls `handleChange(kind, isReplaced)` after each change. The kinds `replace` and `navigate` are the switches of
 * changes that count only where the site said so; `isReplaced` is true after `history.replaceState`.
 */
export const watchHistory = handleChange => {
  for (const [name, kind] of Object.entries({ pushState: "", replaceState: "replace" })) {
    const change = history[name];
    history[name] = (...args) => {
      const result = change.apply(history, args);
      handleChange(kind, kind);
      return result;
    };
  }
  listen(w, "popstate", () => handleChange());
  // navigation.navigate() changes the address without the two above.
  w.navigation?.addEventListener("currententrychange", ({ navigationType }) => {
    if (navigationType) handleChange(navigationType == "replace" ? "replace" : "navigate");
  });
};
