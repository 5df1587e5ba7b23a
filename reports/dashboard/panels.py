"""The panels of reports, one row each. A report is a layout of their names; a new panel is one row here.

A tab of a panel is a table by one dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tab:
    """One table of a panel: `metric` per value of `dimension`. `also`: further filter JSON."""

    name: str
    label: str
    dimension: str
    metric: str = "visitors"
    second: str = ""
    also: tuple[Any, ...] = ()
    teach: str = ""  # displayed while there is no data: what belongs here and how it is collected
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


VISITS_TEACH = "Nothing was recorded in this period. Choose a longer one, or check that the snippet is on your pages."
CAMPAIGN_TEACH = (
    "Add ?utm_source=newsletter&utm_medium=email&utm_campaign=spring to links you share; they are counted here."
)
LINK_TEACH = "Pages that link to you appear here once somebody follows a link."
TERM_TEACH = "Few search engines still send the search term; the terms of those appear here."
OUT_TEACH = "Links your visitors follow to other sites appear here automatically."
FILE_TEACH = "Files your visitors download (pdf, zip, …) appear here automatically."
EVENT_TEACH = "Send an event from your page when something happens that is not a page view, and it is counted here."

ALL_PANELS: tuple[Panel, ...] = (
    Panel("sources", "Sources", (
        Tab("channels", "Channels", "channel", teach=VISITS_TEACH),
        Tab("sources", "Sources", "source", teach=VISITS_TEACH),
        Tab("campaigns", "Campaigns", "utm_campaign", teach=CAMPAIGN_TEACH),
        Tab("referrers", "Referrers", "referrer", teach=LINK_TEACH),
        Tab("domains", "Referring domains", "referrer_domain", teach="Sites that link to you appear here."),
        Tab("terms", "Search terms", "search_term", teach=TERM_TEACH),
        Tab("utm_source", "UTM source", "utm_source", teach=CAMPAIGN_TEACH),
        Tab("utm_medium", "UTM medium", "utm_medium", teach=CAMPAIGN_TEACH),
        Tab("utm_content", "UTM content", "utm_content", teach=CAMPAIGN_TEACH),
        Tab("utm_term", "UTM term", "utm_term", teach=CAMPAIGN_TEACH),
    ), visible_tabs=3),
    Panel("pages", "Pages", (
        Tab("top", "Top", "page", second="views", teach=VISITS_TEACH),
        Tab("entry", "Entry", "entry_page", teach=VISITS_TEACH),
        Tab("exit", "Exit", "exit_page", teach=VISITS_TEACH),
        Tab("titles", "Titles", "title", teach="Titles of your pages appear here."),
        Tab("outbound", "Outbound", "outbound", teach=OUT_TEACH),
        Tab("downloads", "Downloads", "download", teach=FILE_TEACH),
        Tab("hosts", "Hosts", "host", teach=VISITS_TEACH),
    )),
    Panel("places", "Places", (
        Tab("map", "Map", "country", teach=VISITS_TEACH, map=True),
        Tab("countries", "Countries", "country", teach=VISITS_TEACH),
        Tab("regions", "Regions", "region", teach=VISITS_TEACH),
        Tab("cities", "Cities", "city", teach=VISITS_TEACH),
        Tab("languages", "Languages", "language", teach=VISITS_TEACH),
    ), visible_tabs=5),
    Panel("technology", "Technology", (
        Tab("browsers", "Browser", "browser", teach=VISITS_TEACH),
        Tab("os", "System", "os", teach=VISITS_TEACH),
        Tab("devices", "Device", "device", teach=VISITS_TEACH),
        Tab("screens", "Screen", "screen", teach=VISITS_TEACH),
        Tab("browser_versions", "Browser versions", "browser_version", teach=VISITS_TEACH),
        Tab("os_versions", "System versions", "os_version", teach=VISITS_TEACH),
        Tab("networks", "Networks", "organization", teach=VISITS_TEACH),
    )),
    Panel("goals", "Goals", (
        Tab("goals", "Goals", "goal", metric="visitors", second="conversions",
            teach="Define what counts, such as a page or an event, under Goals. Past visits count too."),
    )),
    Panel("events", "Events", (
        Tab("events", "Events", "event", metric="visitors", second="events", teach=EVENT_TEACH),
        Tab("forms", "Forms", "form", teach="Forms that visitors submit appear here automatically."),
        Tab("videos", "Videos", "video", teach="Videos that visitors watch appear here."),
        Tab("clicks", "Clicked text", "text", teach="What visitors click appears here."),
    )),
    Panel("visitors", "Visitors", (
        Tab("people", "People", "person", metric="visits", second="views",
            teach="When your pages send who is logged in (clicky_custom.visitor), people appear here by name."),
        Tab("hours", "Hour of day", "hour_of_day", teach=VISITS_TEACH, all_values=tuple(range(24))),
        Tab("weekdays", "Weekday", "weekday", teach=VISITS_TEACH, all_values=tuple(range(1, 8))),
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
