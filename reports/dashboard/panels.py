"""The panels of reports, one row each. A report is a layout of their names; a new panel is one row here.

A tab of a panel is a table by one dimension.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass


@dataclass(frozen=True)
class Tab:
    """One table of a panel: `metric` per value of `dimension`."""

    name: str
    label: str
    dimension: str
    _: KW_ONLY
    metric: str = "visitors"
    second: str = ""
    hint: str = ""  # displayed while there is no data: what belongs here and how it is collected
    map: bool = False
    all_values: tuple[int, ...] = ()  # values that always have a row, in this order


@dataclass(frozen=True)
class Panel:
    """A box of a report: one or more tabs under a title."""

    name: str
    label: str
    tabs: tuple[Tab, ...]
    visible_tabs: int = 4  # further ones are under "More"

    def find_tab(self, name: str) -> Tab:
        """Return the tab of that name, or the first."""
        return next((tab for tab in self.tabs if tab.name == name), self.tabs[0])


VISITS_HINT = "Nothing was recorded in this period. Choose a longer one, or check that the snippet is on your pages."
CAMPAIGN_HINT = (
    "Add ?utm_source=newsletter&utm_medium=email&utm_campaign=spring to links you share; they are counted here."
)
LINK_HINT = "Pages that link to you appear here once somebody follows a link."
TERM_HINT = "Few search engines still send the search term; the terms of those appear here."
OUT_HINT = "Links your visitors follow to other sites appear here automatically."
FILE_HINT = "Files your visitors download (pdf, zip, …) appear here automatically."
EVENT_HINT = "Send an event from your page when something happens that is not a page view, and it is counted here."

ALL_PANELS: tuple[Panel, ...] = (
    Panel("sources", "Sources", (
        Tab("channels", "Channels", "channel", hint=VISITS_HINT),
        Tab("sources", "Sources", "source", hint=VISITS_HINT),
        Tab("campaigns", "Campaigns", "utm_campaign", hint=CAMPAIGN_HINT),
        Tab("referrers", "Referrers", "referrer", hint=LINK_HINT),
        Tab("domains", "Referring domains", "referrer_domain", hint="Sites that link to you appear here."),
        Tab("terms", "Search terms", "search_term", hint=TERM_HINT),
        Tab("utm_source", "UTM source", "utm_source", hint=CAMPAIGN_HINT),
        Tab("utm_medium", "UTM medium", "utm_medium", hint=CAMPAIGN_HINT),
        Tab("utm_content", "UTM content", "utm_content", hint=CAMPAIGN_HINT),
        Tab("utm_term", "UTM term", "utm_term", hint=CAMPAIGN_HINT),
    ), visible_tabs=3),
    Panel("pages", "Pages", (
        Tab("top", "Top", "page", second="views", hint=VISITS_HINT),
        Tab("entry", "Entry", "entry_page", hint=VISITS_HINT),
        Tab("exit", "Exit", "exit_page", hint=VISITS_HINT),
        Tab("titles", "Titles", "title", hint="Titles of your pages appear here."),
        Tab("outbound", "Outbound", "outbound", hint=OUT_HINT),
        Tab("downloads", "Downloads", "download", hint=FILE_HINT),
        Tab("hosts", "Hosts", "host", hint=VISITS_HINT),
    )),
    Panel("places", "Places", (
        Tab("map", "Map", "country", hint=VISITS_HINT, map=True),
        Tab("countries", "Countries", "country", hint=VISITS_HINT),
        Tab("regions", "Regions", "region", hint=VISITS_HINT),
        Tab("cities", "Cities", "city", hint=VISITS_HINT),
        Tab("languages", "Languages", "language", hint=VISITS_HINT),
    ), visible_tabs=5),
    Panel("technology", "Technology", (
        Tab("browsers", "Browser", "browser", hint=VISITS_HINT),
        Tab("os", "System", "os", hint=VISITS_HINT),
        Tab("devices", "Device", "device", hint=VISITS_HINT),
        Tab("screens", "Screen", "screen", hint=VISITS_HINT),
        Tab("browser_versions", "Browser versions", "browser_version", hint=VISITS_HINT),
        Tab("os_versions", "System versions", "os_version", hint=VISITS_HINT),
        Tab("networks", "Networks", "organization", hint=VISITS_HINT),
    )),
    Panel("goals", "Goals", (
        Tab("goals", "Goals", "goal", metric="visitors", second="conversions",
            hint="Define what counts, such as a page or an event, under Goals. Past visits count too."),
    )),
    Panel("events", "Events", (
        Tab("events", "Events", "event", metric="visitors", second="events", hint=EVENT_HINT),
        Tab("forms", "Forms", "form", hint="Forms that visitors submit appear here automatically."),
        Tab("videos", "Videos", "video", hint="Videos that visitors watch appear here."),
        Tab("clicks", "Clicked text", "text", hint="What visitors click appears here."),
    )),
    Panel("visitors", "Visitors", (
        Tab("people", "People", "person", metric="visits", second="views",
            hint="When your pages send who is logged in (clicky_custom.visitor), people appear here by name."),
        Tab("hours", "Hour of day", "hour_of_day", hint=VISITS_HINT, all_values=tuple(range(24))),
        Tab("weekdays", "Weekday", "weekday", hint=VISITS_HINT, all_values=tuple(range(1, 8))),
    )),
)  # fmt: skip

PANELS: dict[str, Panel] = {panel.name: panel for panel in ALL_PANELS}

LAYOUTS: dict[str, tuple[str, ...]] = {
    "overview": ("sources", "pages", "places", "technology", "goals", "events", "visitors"),
    "content": ("pages", "events"),
    "sources": ("sources", "places"),
}
# Reports that display tabs side by side: (panel, tab) of each slot
SPREAD_LAYOUTS: dict[str, tuple[tuple[str, str], ...]] = {
    "content": (("pages", "top"), ("pages", "entry"), ("pages", "exit"), ("pages", "titles"), ("pages", "outbound"),
                ("pages", "downloads"), ("events", "events"), ("events", "forms")),
    "sources": (("sources", "channels"), ("sources", "sources"), ("sources", "referrers"), ("sources", "campaigns"),
                ("sources", "domains"), ("sources", "terms"), ("sources", "utm_source"), ("sources", "utm_medium")),
}  # fmt: skip
