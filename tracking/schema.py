"""The columns of an event: one declaration each, from which everything else about a column is derived.

`Event` gives a column its type in Python and, in its annotation, a `Column`: its type in the store, what it means, and
what a visit makes of it. The spool's lines, the checks of corrections, the visits that a correction rebuilds, the lists
of visits and actions and the dimensions of queries follow. The tables are created by the migrations of the event store;
a test compares them.

Ids are integers below 2**53, because Clickport sends them as JSON numbers. `device` never changes; a `person` may be
added later. Texts from visitors are LowCardinality where their number is bounded in practice, which makes reports fast
(paths included: measured 139 against 205 ms per 10 million events).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Annotated, Any, TypedDict, cast, get_type_hints


class VisitValue(Enum):
    """What a visit makes of a column's values in its events."""

    FIRST = auto()  # the value of the event that began the visit
    FIRST_KNOWN = auto()  # the same, but of an event whose country is known
    GREATEST = auto()  # of a column that is constant during a visit, or empty in some of its events
    LEAST = auto()
    SUM = auto()
    LATEST_PER_KEY = auto()  # of a map


@dataclass(frozen=True)
class Column:
    """What the store and the reports have to know of a column."""

    type: str  # ClickHouse's
    doc: str
    _: KW_ONLY
    visit: VisitValue | None = None  # None: only events have it
    codec: str = ""


FIRST, FIRST_KNOWN, GREATEST, LEAST, SUM, LATEST_PER_KEY = VisitValue


TEXT = "String"
WORD = "LowCardinality(String)"
PAIRS = "Map(LowCardinality(String), String)"
TIME = "DateTime64(3, 'UTC')"
AMOUNT = "Decimal(18, 4)"
DELTA = "Delta, ZSTD(1)"


class Event(TypedDict, total=False):
    """An event, or the part of one that a step of the pipeline fills.

    A dict, because it is a line of the spool as it is (`docs/decisions/0001-event-store.md`). A missing column takes
    the store's default: empty string, zero, empty map.
    """

    site_id: Annotated[int, Column("UInt64", "the site")]
    ts: Annotated[datetime, Column(TIME, "when it happened", codec=DELTA)]
    id: Annotated[int, Column("UInt64", "the event's own number, below 2**53")]
    kind: Annotated[str, Column(WORD, "one of tracking.event.KINDS")]
    device: Annotated[int, Column("UInt64", "cookie or daily salted hash; immutable", visit=GREATEST)]
    visit: Annotated[int, Column("UInt64", "the visit's number")]
    visit_start: Annotated[datetime, Column(TIME, "when the visit began", codec=DELTA, visit=LEAST)]
    view_id: Annotated[int, Column("UInt64", "the page view this belongs to; 0 = none")]
    person: Annotated[str, Column(TEXT, "username, where the site sent one", visit=GREATEST)]
    host: Annotated[str, Column(WORD, "host name of the page", visit=GREATEST)]
    path: Annotated[str, Column(WORD, "path of the page with the meaningful part of its query")]
    title: Annotated[str, Column(WORD, "title of the page")]
    name: Annotated[str, Column(WORD, "event, goal or form name; video action")]
    target: Annotated[str, Column(WORD, "URL of an outbound link, download or video; selector of a click")]
    text: Annotated[str, Column(TEXT, "text of what was clicked")]
    referrer: Annotated[str, Column(TEXT, "referring URL without click ids", visit=FIRST)]
    referrer_domain: Annotated[str, Column(WORD, "its host without www.", visit=FIRST)]
    source: Annotated[str, Column(WORD, "Google, Newsletter …; empty = direct", visit=FIRST)]
    channel: Annotated[str, Column(WORD, "one of the channels of data/channels", visit=FIRST)]
    search_term: Annotated[str, Column(WORD, "search term, where the search engine still sends it", visit=FIRST)]
    utm_source: Annotated[str, Column(WORD, "", visit=FIRST)]
    utm_medium: Annotated[str, Column(WORD, "", visit=FIRST)]
    utm_campaign: Annotated[str, Column(WORD, "", visit=FIRST)]
    utm_content: Annotated[str, Column(WORD, "", visit=FIRST)]
    utm_term: Annotated[str, Column(WORD, "", visit=FIRST)]
    country: Annotated[str, Column(WORD, "ISO 3166 alpha-2, upper case; empty = unknown", visit=FIRST_KNOWN)]
    region: Annotated[str, Column(WORD, "", visit=FIRST_KNOWN)]
    city: Annotated[str, Column(WORD, "", visit=FIRST_KNOWN)]
    latitude: Annotated[float, Column("Float32", "")]
    longitude: Annotated[float, Column("Float32", "")]
    language: Annotated[str, Column(WORD, "BCP 47 as sent, e.g. en-US", visit=GREATEST)]
    ip: Annotated[str, Column(TEXT, "complete, shortened or empty, as the site chose", visit=GREATEST)]
    asn: Annotated[int, Column("UInt32", "number of the network", visit=GREATEST)]
    organization: Annotated[str, Column(WORD, "name of the network", visit=GREATEST)]
    device_type: Annotated[str, Column(WORD, "Desktop, Mobile, Tablet, TV, Console, Other", visit=GREATEST)]
    device_model: Annotated[str, Column(WORD, "", visit=GREATEST)]
    browser: Annotated[str, Column(WORD, "", visit=GREATEST)]
    browser_version: Annotated[str, Column(WORD, "", visit=GREATEST)]
    os: Annotated[str, Column(WORD, "", visit=GREATEST)]
    os_version: Annotated[str, Column(WORD, "", visit=GREATEST)]
    screen: Annotated[str, Column(WORD, "1920x1080", visit=GREATEST)]
    user_agent: Annotated[str, Column(TEXT, "", codec="ZSTD(3)")]
    engaged: Annotated[int, Column("UInt32", "milliseconds of attention since the last beacon of this view", visit=SUM)]
    scroll: Annotated[int, Column("UInt8", "scroll depth of this view, percent", visit=GREATEST)]
    revenue: Annotated[float, Column(AMOUNT, "of a goal, event or conversion; negative for a refund", visit=SUM)]
    currency: Annotated[str, Column(WORD, "ISO 4217")]
    props: Annotated[dict[str, str], Column(PAIRS, "the event's own data")]
    tags: Annotated[dict[str, str], Column(PAIRS, "the visit's custom data", visit=LATEST_PER_KEY)]
    split_test: Annotated[str, Column(WORD, "")]
    split_arm: Annotated[str, Column(WORD, "")]
    is_new: Annotated[int, Column("UInt8", "the device was never seen before this visit", visit=GREATEST)]
    account_id: Annotated[int, Column("UInt64", "links: the account that owns the link")]
    link_id: Annotated[
        int, Column("UInt64", "links: which link or pixel; on a visit: the link that started it", visit=GREATEST)
    ]
    group_id: Annotated[int, Column("UInt64", "links: its group", visit=GREATEST)]
    click_id: Annotated[
        int, Column("UInt64", "links: this click; on a visit or conversion: the click that led to it", visit=GREATEST)
    ]
    conversion_id: Annotated[int, Column("UInt64", "links: which conversion")]
    destination: Annotated[str, Column(WORD, "links: where this click was redirected to")]
    is_unique: Annotated[int, Column("UInt8", "links: first of its IP on this link in 30 minutes")]
    commission: Annotated[float, Column(AMOUNT, "links: of a conversion")]
    cost: Annotated[float, Column(AMOUNT, "links: of a click")]


EVENT_COLUMNS: dict[str, Column] = {
    name: annotation.__metadata__[0] for name, annotation in get_type_hints(Event, include_extras=True).items()
}
LINK_COLUMNS = ("link_id", "group_id", "click_id")  # of the link that led to a visit: all its events have them


def find_columns(*values: VisitValue) -> tuple[str, ...]:
    """Return the names of the columns of which a visit has such a value."""
    return tuple(name for name, column in EVENT_COLUMNS.items() if column.visit in values)


ORIGIN_COLUMNS = find_columns(FIRST)  # a visit's source: all its events have that of the first one


def select_columns(row: Mapping[str, Any], names: Iterable[str]) -> Event:
    """Return those of the columns that have a value in the row."""
    return cast(Event, {name: row[name] for name in names if row.get(name)})


def empty_columns(names: Iterable[str]) -> Event:
    """Return columns of texts without a value."""
    return cast(Event, dict.fromkeys(names, ""))
