"""By what a number can be broken down: one row each.

A dimension is told of an event (`event`: SQL over a row of events), of a visit (`visit`: SQL over a row of visits), or
of both. Where only one is there, the compiler reaches the other side through the visit's number.

Three families decide what a visit's metric means:
- of the visit (source, country, browser …): every event carries it, and so does the visit;
- of the visit alone (entry page, exit page, tags): an event has it because its visit has it;
- of the event alone (page, title, event name, outbound link, property, goal …): a visit has it because it contains
  such an event. `page` is special: of a visit's own metrics (bounce rate) it means the page it entered on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reports.engine.refusal import QueryRefused, one_of, shown

Kind = Literal["visit", "entry", "event", "time", "goal", "measure"]
MOST_KEY = 100  # characters of a property's name


@dataclass(frozen=True)
class Dimension:
    """One row of the registry. `{key}` in SQL is the bound name of a property or tag."""

    name: str
    label: str
    family: Kind
    event: str = ""
    visit: str = ""
    kinds: tuple[str, ...] = ()  # the kinds of event that have it; () = all
    shown_by: str = "self"  # "view" = seen by viewing; "self" = by any event that has it; "" = says nothing of that
    skip_empty: bool = False  # a breakdown leaves the empty value out
    empty: str = "(not set)"  # how the empty value is called
    format: str = "text"  # text, path, url, country, language, date, hour, month, number, weekday
    rolled: bool = False  # daily rollups keep it
    breakdown: bool = True  # False = only for filters
    number: bool = False  # compared as a number
    doc: str = ""
    key: str = ""  # of prop:<key> and tag:<key>
    audience: str = "site"  # "link": only hits on tracked links and conversions have it, which no site has

    @property
    def side(self) -> str:
        """Who has it: "time" everything, "visit" events and visits, "entry" only visits, "event" only events."""
        if self.family in ("time", "goal"):
            return "time" if self.family == "time" else "event"
        if self.event and not self.visit:
            return "event"
        return "visit" if self.event else "entry"

    @property
    def tables(self) -> tuple[str, ...]:
        """Where it can be read without going through the visit's number."""
        return tuple(table for table, sql in (("events", self.event), ("visits", self.visit)) if sql)


def kinds_in(kinds: tuple[str, ...]) -> str:
    """SQL: an event is of one of these kinds."""
    if len(kinds) == 1:
        return f"kind = '{kinds[0]}'"
    return "kind IN (" + ", ".join(f"'{kind}'" for kind in kinds) + ")"


def of_visit(name: str, label: str, doc: str, **more: object) -> Dimension:
    return Dimension(name, label, "visit", event=name, visit=name, doc=doc, **more)  # type: ignore[arg-type]


def of_event(name: str, label: str, sql: str, doc: str, **more: object) -> Dimension:
    return Dimension(name, label, "event", event=sql, doc=doc, **more)  # type: ignore[arg-type]


def of_time(name: str, label: str, doc: str, format: str) -> Dimension:
    return Dimension(name, label, "time", doc=doc, format=format, rolled=True)


def utm(part: str, label: str) -> Dimension:
    return of_visit(f"utm_{part}", label, f"The visit's utm_{part}.", skip_empty=True, rolled=True)


def by_number(name: str, label: str, column: str, doc: str) -> Dimension:
    sql = f"if({column} = 0, '', toString({column}))"
    return Dimension(name, label, "visit", event=sql, visit=sql, doc=doc, skip_empty=True)


def measure(name: str, label: str, doc: str, event: str = "", visit: str = "") -> Dimension:
    return Dimension(
        name, label, "measure", event=event, visit=visit, doc=doc, number=True, breakdown=False, format="number"
    )


ROWS: tuple[Dimension, ...] = (
    of_visit("source", "Source", "Where the visit came from: a search engine, a network, a site, a campaign.",
             empty="Direct", rolled=True),
    of_visit("channel", "Channel", "The kind of source: organic search, social, email, direct …", rolled=True),
    of_visit("referrer", "Referring page", "The URL that linked here, without click ids.", skip_empty=True,
             format="url", empty="Direct", rolled=True),
    of_visit("referrer_domain", "Referring domain", "The referring URL's host without www.", skip_empty=True,
             empty="Direct", rolled=True),
    of_visit("search_term", "Search term", "What was searched for, where the engine still tells.", skip_empty=True,
             rolled=True),
    utm("source", "UTM source"),
    utm("medium", "UTM medium"),
    utm("campaign", "Campaign"),
    utm("content", "UTM content"),
    utm("term", "UTM term"),
    of_event("page", "Page", "path", "The path of a page; of a visit's own metrics, the page it entered on.",
             shown_by="view", skip_empty=True, format="path", rolled=True),
    Dimension("entry_page", "Entry page", "entry", visit="entry_page", skip_empty=True, format="path", rolled=True,
              doc="The first page of the visit."),
    Dimension("exit_page", "Exit page", "entry", visit="exit_page", skip_empty=True, format="path", rolled=True,
              doc="The last page of the visit."),
    of_event("host", "Host", "host", "The host name of the page.", skip_empty=True, shown_by=""),
    of_event("title", "Page title", "title", "The title of the page.", shown_by="view", skip_empty=True),
    of_visit("country", "Country", "ISO 3166 code.", format="country", empty="Unknown", rolled=True),
    of_visit("region", "Region", "State, province or county.", empty="Unknown", rolled=True),
    of_visit("city", "City", "", empty="Unknown", rolled=True),
    of_visit("language", "Language", "The browser's first language, e.g. en-US.", format="language", empty="Unknown",
             rolled=True),
    Dimension("device", "Device", "visit", event="device_type", visit="device_type", empty="Unknown", rolled=True,
              doc="Desktop, Mobile, Tablet, TV, Console, Other."),
    of_visit("browser", "Browser", "", empty="Unknown", rolled=True),
    of_visit("browser_version", "Browser version", "", empty="Unknown"),
    of_visit("os", "Operating system", "", empty="Unknown", rolled=True),
    of_visit("os_version", "System version", "", empty="Unknown"),
    of_visit("screen", "Screen", "Width x height in CSS pixels.", empty="Unknown", rolled=True),
    of_visit("organization", "Network", "The organisation that owns the visitor's network.", empty="Unknown"),
    of_event("event", "Event", "name", "The name of a custom event.", kinds=("event",), skip_empty=True),
    of_event("outbound", "Outbound link", "target", "The URL of a link that led away.", kinds=("outbound",),
             skip_empty=True, format="url"),
    of_event("download", "Download", "target", "The URL of a downloaded file.", kinds=("download",), skip_empty=True,
             format="url"),
    of_event("form", "Form", "name", "The name of a form that was sent.", kinds=("form",), skip_empty=True),
    of_event("video", "Video", "target", "The URL of a video that was watched.", kinds=("video",), skip_empty=True,
             format="url"),
    of_event("currency", "Currency", "currency", "ISO 4217 code of an amount.", skip_empty=True, shown_by=""),
    of_event("site", "Site", "toString(site_id)", "The number of the site, for questions about several.",
             shown_by=""),
    Dimension("goal", "Goal", "goal", skip_empty=True, format="number",
              doc="The number of a goal that the event reached."),
    of_event("kind", "Kind", "kind", "What an event is: view, event, click, outbound, download, form, video, ping …"),
    of_event("name", "Name", "name", "The name of an event, goal or form, whatever its kind.", skip_empty=True),
    of_event("target", "Target", "target", "The URL or element that was clicked, whatever the event's kind.",
             skip_empty=True),
    of_event("text", "Clicked text", "text", "The text of what was clicked.", skip_empty=True),
    Dimension("person", "Person", "entry", visit="person", skip_empty=True,
              doc="The username, where the visitor is known."),
    Dimension("any_tag", "Any tag", "entry", visit="arrayStringConcat(mapValues(tags), '\\n')", breakdown=False,
              doc="All values of the visit's custom data, to search in; for one of them use tag:<key>."),
    Dimension("ip", "IP address", "visit", event="ip", visit="ip", skip_empty=True,
              doc="The address, as the site's privacy choice left it."),
    of_event("split_test", "Split test", "split_test", "The name of a split test.", skip_empty=True, shown_by=""),
    of_event("split_arm", "Split test version", "split_arm", "The version that was shown.", skip_empty=True,
             shown_by=""),
    Dimension("visitor_id", "Visitor number", "visit", event="toString(device)", visit="toString(device)",
              doc="The number of a visitor's device."),
    Dimension("visit", "Visit", "visit", event="toString(visit)", visit="toString(visit)", doc="A visit's number."),
    by_number("link", "Link", "link_id", "The tracked link that was clicked; of a visit, the one that started it."),
    by_number("link_group", "Link group", "group_id", "The group of that link."),
    by_number("click", "Click", "click_id", "The click; of a visit or a conversion, the one that led to it."),
    of_event("link_conversion", "Link conversion", "if(conversion_id = 0, '', toString(conversion_id))",
             "The number of a conversion.", kinds=("conversion", "refund"), skip_empty=True, audience="link"),
    of_event("destination", "Destination", "destination", "Where a click really went.", skip_empty=True, format="url",
             audience="link"),
    of_event("unique", "First in 30 minutes", "toString(is_unique)", "1 for a unique hit on a link or pixel, else 0.",
             kinds=("link", "pixel"), audience="link"),
    measure("scroll", "Scroll depth", "Deepest reach of a page, percent.", event="scroll"),
    measure("amount", "Amount", "Revenue of an event.", event="toFloat64(revenue)"),
    measure("duration", "Duration", "Seconds of the whole visit.", visit="seconds"),
    measure("visit_views", "Views of the visit", "How many pages the visit saw.", visit="views"),
    measure("visit_actions", "Actions of the visit", "How much the visit did.", visit="actions"),
    of_time("minute", "Minute", "A minute of an hour, in periods of up to a day.", "hour"),
    of_time("hour", "Hour", "An hour of a day.", "hour"),
    of_time("hour_of_day", "Hour of day", "0 to 23.", "number"),
    of_time("weekday", "Weekday", "1 = Monday to 7 = Sunday.", "weekday"),
    of_time("day", "Day", "A day of the period's zone.", "date"),
    of_time("week", "Week", "A week, named by its Monday.", "date"),
    of_time("month", "Month", "2026-03.", "month"),
)  # fmt: skip

DIMENSIONS: dict[str, Dimension] = {row.name: row for row in ROWS}
KEYED: dict[str, Dimension] = {
    "prop": of_event("prop", "Property", "props[{key}]", "The event's own property.", skip_empty=True),
    "tag": Dimension("tag", "Visitor tag", "entry", visit="tags[{key}]", skip_empty=True,
                     doc="Custom data of the visit; the latest value counts."),
}  # fmt: skip
TIMES = tuple(row.name for row in ROWS if row.family == "time")
ORDERED_TIMES = ("minute", "hour", "day", "week", "month")  # those that pass once; gaps in them can be filled


def dimension(name: object, where: str) -> Dimension:
    """The row of that name; `prop:<key>` and `tag:<key>` make theirs. Raises QueryRefused for any other."""
    if isinstance(name, str):
        if found := DIMENSIONS.get(name):
            return found
        family, colon, key = name.partition(":")
        if colon and (keyed := KEYED.get(family)):
            return with_key(keyed, key, where)
    raise QueryRefused(
        f"There is no dimension {shown(name)}; use one of {one_of([*DIMENSIONS, 'prop:<key>', 'tag:<key>'])}.", where
    )


def with_key(row: Dimension, key: str, where: str) -> Dimension:
    if not key or len(key) > MOST_KEY:
        raise QueryRefused(f"“{row.name}:” needs a name of 1 to {MOST_KEY} characters after it.", where)
    fields = {**row.__dict__, "name": f"{row.name}:{key}", "label": key, "key": key}
    return Dimension(**fields)
