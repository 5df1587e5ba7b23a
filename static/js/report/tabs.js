/** The open tab of each panel, which is in the page's address as `tab.<panel>`. */

/** Adds the open tabs to a request for the report, so that a new period or filter does not change tabs. */
export function keepOpenTabs(event) {
  if (event.detail.target?.id !== "report") return;
  const url = new URL(event.detail.path, location.href);
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (name.startsWith("tab.") && !url.searchParams.has(name)) url.searchParams.set(name, value);
  }
  event.detail.path = url.pathname + url.search;
}
