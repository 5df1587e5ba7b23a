"""The registry of dimensions: what rows can be by, and what filters can be about.

A dimension has a value for an event (`event`: the column of events that has it), for a visit (`visit`: the column of
visits), or for both. Where it has only one, the SQL builder reaches the other side through the visit's id.

Three families decide what the metrics of a visit mean:
- "visit" (source, country, browser …): every event carries it, and so does the visit;
- "entry" (entry page, exit page, tags): only visits have it; an event has that of its visit;
- "event" (page, title, event name, outbound link, property, goal …): only events have it; a visit has it if it contains
  such an event. `page` is special: for metrics of a visit itself (bounce rate) it means the page it entered on.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal

from reports.query.errors import QueryRefused, join_names, quote_value
from tracking.schema import EVENT_COLUMNS, Column, ColumnDimension

Family = Literal["visit", "entry", "event", "time", "goal", "measure"]
MAX_KEY_LENGTH = 100  # characters of a property's or tag's name
# How a column becomes the dimension's value. Filters in SQL and in memory both go by the name, not by the SQL.
Conversion = Literal["none", "number_text", "id_text", "entry", "all_entries", "float"]
CONVERSIONS: dict[Conversion, str] = {
    "none": "{column}",
    "number_text": "toString({column})",
    "id_text": "if({column} = 0, '', toString({column}))",
    "entry": "{column}[{key}]",
    "all_entries": "arrayStringConcat(mapValues({column}), '\\n')",
    "float": "toFloat64({column})",
}


@dataclass(frozen=True)
class Dimension:
    """One dimension.

    `event` and `visit`: the columns that have it; `conversion`: what is made of them, "id_text" with empty text for 0.
    `exposed_by`: which events show that a visitor saw the value: "view" = page views, "self" = any event that has the
    dimension, "" = none in particular, so all count.
    """

    name: str
    label: str
    family: Family
    _: KW_ONLY
    event: str = ""
    visit: str = ""
    conversion: Conversion = "none"
    kinds: tuple[str, ...] = ()  # the kinds of events that have it; () = all
    exposed_by: str = "self"
    skip_empty: bool = False  # no row for the empty value
    empty: str = "(not set)"  # the label of the empty value
    format: str = "text"  # text, path, url, country, language, date, hour, month, number, weekday
    in_rollups: bool = False  # daily rollups have it
    groupable: bool = True  # False = filters only
    number: bool = False  # compared as a number
    doc: str = ""
    key: str = ""  # the property or tag of prop:<key> and tag:<key>
    audience: str = "site"  # "link": only hits on tracked links and conversions have it, which belong to no site

    @cached_property
    def side(self) -> str:
        """Which rows have it: "time" all, "visit" events and visits, "entry" only visits, "event" only events."""
        if self.family in ("time", "goal"):
            return "time" if self.family == "time" else "event"
        if self.event and not self.visit:
            return "event"
        return "visit" if self.event else "entry"

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that have it themselves, without a detour through the visit's id."""
        return tuple(table for table, column in (("events", self.event), ("visits", self.visit)) if column)

    def write_value(self, column: str, key: str = "") -> str:
        """Write its value (SQL) from one of its columns. `key`: the bound name of the property or tag."""
        return CONVERSIONS[self.conversion].format(column=column, key=key)


@lru_cache(maxsize=2048)
def find_exposures(dimensions: tuple[Dimension, ...]) -> frozenset[str]:
    """Return which events show that a visitor saw the values of these dimensions; see `Dimension.exposed_by`."""
    return frozenset([each.exposed_by for each in dimensions if each.side == "event" and each.exposed_by])


def write_kinds_condition(kinds: tuple[str, ...]) -> str:
    """Write the condition that an event is of one of these kinds."""
    if len(kinds) == 1:
        return f"kind = '{kinds[0]}'"
    return "kind IN (" + ", ".join(f"'{kind}'" for kind in kinds) + ")"


def event_dimension(name: str, label: str, column: str, doc: str, **more: object) -> Dimension:
    return Dimension(name, label, "event", event=column, doc=doc, **more)  # type: ignore[arg-type]


def time_dimension(name: str, label: str, doc: str, format: str) -> Dimension:
    return Dimension(name, label, "time", doc=doc, format=format, in_rollups=True)


def column_dimension(column_name: str, column: Column, row: ColumnDimension) -> Dimension:
    """Create the dimension that a column declares."""
    return Dimension(
        row.name or column_name,
        row.label,
        "visit" if column.visit else "event",
        event=column_name,
        visit=column_name if column.visit else "",
        exposed_by=row.exposed_by,
        skip_empty=row.skip_empty,
        empty=row.empty,
        format=row.format,
        in_rollups=row.in_rollups,
        doc=column.doc,
        audience=row.audience,
    )


def arrange_dimensions(*rows: str | Dimension) -> tuple[Dimension, ...]:
    """Return all dimensions in the order in which they are offered and documented.

    A text stands for the dimension of a column in `tracking.schema`. Those that are not named here follow at the end.
    """
    of_columns = {
        name: column_dimension(name, column, column.dimension)
        for name, column in EVENT_COLUMNS.items()
        if column.dimension
    }
    named = [of_columns.pop(row) if isinstance(row, str) else row for row in rows]
    return (*named, *of_columns.values())


def id_dimension(name: str, label: str, column: str, doc: str) -> Dimension:
    return Dimension(name, label, "visit", event=column, visit=column, conversion="id_text", doc=doc, skip_empty=True)


def measure_dimension(name: str, label: str, doc: str, **more: object) -> Dimension:
    return Dimension(name, label, "measure", doc=doc, number=True, groupable=False, format="number", **more)  # type: ignore[arg-type]


ALL_DIMENSIONS = arrange_dimensions(
    "source", "channel", "referrer", "referrer_domain", "search_term",
    "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term",
    event_dimension("page", "Page", "path", "The path of a page; for metrics of visits, their first page.",
                    exposed_by="view", skip_empty=True, format="path", in_rollups=True),
    Dimension("entry_page", "Entry page", "entry", visit="entry_page", skip_empty=True, format="path", in_rollups=True,
              doc="The first page of the visit."),
    Dimension("exit_page", "Exit page", "entry", visit="exit_page", skip_empty=True, format="path", in_rollups=True,
              doc="The last page of the visit."),
    event_dimension("host", "Host", "host", "The host name of the page.", skip_empty=True, exposed_by=""),
    "title", "country", "region", "city", "language", "device_type", "browser", "browser_version", "os", "os_version",
    "screen", "organization",
    event_dimension("event", "Event", "name", "The name of a custom event.", kinds=("event",), skip_empty=True),
    event_dimension("outbound", "Outbound link", "target", "The URL of a link to another site.", kinds=("outbound",),
                    skip_empty=True, format="url"),
    event_dimension("download", "Download", "target", "The URL of a downloaded file.", kinds=("download",),
                    skip_empty=True, format="url"),
    event_dimension("form", "Form", "name", "The name of a form that was sent.", kinds=("form",), skip_empty=True),
    event_dimension("video", "Video", "target", "The URL of a video that was watched.", kinds=("video",),
                    skip_empty=True, format="url"),
    "currency",
    event_dimension("site", "Site", "site_id", "The number of the site, for queries of several sites.",
                    conversion="number_text", exposed_by=""),
    Dimension("goal", "Goal", "goal", skip_empty=True, format="number",
              doc="The number of a goal that the event reached."),
    "kind", "name", "target", "text",
    Dimension("person", "Person", "entry", visit="person", skip_empty=True,
              doc="The username, where the site sent one."),
    Dimension("any_tag", "Any tag", "entry", visit="tags", conversion="all_entries", groupable=False,
              doc="All values of the visit's custom data, to search in; for one of them use tag:<key>."),
    "ip", "split_test", "split_arm",
    Dimension("visitor_id", "Visitor number", "visit", event="device", visit="device", conversion="number_text",
              doc="The number of a visitor's device."),
    Dimension("visit", "Visit", "visit", event="visit", visit="visit", conversion="number_text",
              doc="A visit's number."),
    id_dimension("link", "Link", "link_id", "The tracked link that was clicked; of a visit, the one that started it."),
    id_dimension("link_group", "Link group", "group_id", "The group of that link."),
    id_dimension("click", "Click", "click_id", "The click; of a visit or a conversion, the one that led to it."),
    event_dimension("link_conversion", "Link conversion", "conversion_id", "The number of a conversion.",
                    conversion="id_text", kinds=("conversion", "refund"), skip_empty=True, audience="link"),
    "destination",
    event_dimension("unique", "First in 30 minutes", "is_unique",
                    "1 for a unique hit on a link or pixel, else 0.", conversion="number_text",
                    kinds=("link", "pixel"), audience="link"),
    measure_dimension("scroll", "Scroll depth", "The deepest visible part of the page, percent.", event="scroll"),
    measure_dimension("amount", "Amount", "Revenue of an event.", event="revenue", conversion="float"),
    measure_dimension("duration", "Duration", "Seconds of the complete visit.", visit="seconds"),
    measure_dimension("visit_views", "Views of the visit", "How many page views the visit has.", visit="views"),
    measure_dimension("visit_actions", "Actions of the visit", "How many actions the visit has.", visit="actions"),
    time_dimension("minute", "Minute", "A minute of an hour, in periods of up to a day.", "hour"),
    time_dimension("hour", "Hour", "An hour of a day.", "hour"),
    time_dimension("hour_of_day", "Hour of day", "0 to 23.", "number"),
    time_dimension("weekday", "Weekday", "1 = Monday to 7 = Sunday.", "weekday"),
    time_dimension("day", "Day", "A day of the period's zone.", "date"),
    time_dimension("week", "Week", "A week, named by its Monday.", "date"),
    time_dimension("month", "Month", "2026-03.", "month"),
)  # fmt: skip

DIMENSIONS: dict[str, Dimension] = {dimension.name: dimension for dimension in ALL_DIMENSIONS}
KEYED: dict[str, Dimension] = {
    "prop": event_dimension("prop", "Property", "props", "The event's own property.", conversion="entry",
                            skip_empty=True),
    "tag": Dimension("tag", "Visitor tag", "entry", visit="tags", conversion="entry", skip_empty=True,
                     doc="Custom data of the visit; the latest value counts."),
}  # fmt: skip
TIMES = tuple(dimension.name for dimension in ALL_DIMENSIONS if dimension.family == "time")
# Each of their buckets happens once, so that empty ones can be filled in
ORDERED_TIMES = ("minute", "hour", "day", "week", "month")


def get_dimension(name: object, where: str) -> Dimension:
    """Find the dimension of that name, also `prop:<key>` and `tag:<key>`. Raises QueryRefused for an unknown one."""
    if isinstance(name, str):
        if definition := DIMENSIONS.get(name):
            return definition
        family, colon, key = name.partition(":")
        if colon and (keyed := KEYED.get(family)):
            return add_key(keyed, key, where)
    allowed = join_names([*DIMENSIONS, "prop:<key>", "tag:<key>"])
    raise QueryRefused(f"There is no dimension {quote_value(name)}; use one of {allowed}.", where)


def add_key(keyed: Dimension, key: str, where: str) -> Dimension:
    """Create the dimension of one property or tag. Raises QueryRefused for a name that is empty or too long."""
    if not key or len(key) > MAX_KEY_LENGTH:
        raise QueryRefused(f"“{keyed.name}:” needs a name of 1 to {MAX_KEY_LENGTH} characters after it.", where)
    return replace(keyed, name=f"{keyed.name}:{key}", label=key, key=key)
