"""The columns of an event: one declaration each, from which everything else about a column is derived.

`Event` gives a column its type in Python and, in its annotation, a `Column`: its type in the store, what it means, what
a visit makes of it, which lists have it, and how reports group and filter by it. From that follow the spool's lines,
the checks of corrections, the SELECT of visits, the lists with their exports and the Spy, and the dimensions. The
tables are created by the migrations of the event store; a test compares them.

Ids are integers below 2**53, because Clickport sends them as JSON numbers. `device` never changes; a `person` may be
added later. Texts from visitors are LowCardinality where their number is bounded in practice, which makes reports fast
(paths included: measured 139 against 205 ms per 10 million events).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from enum import Enum, Flag, auto
from typing import Annotated, TypedDict, cast, get_type_hints


class VisitValue(Enum):
    """What a visit makes of a column's values in its events."""

    FIRST = auto()  # the value of the event that began the visit
    FIRST_KNOWN = auto()  # the same, but of an event whose country is known
    GREATEST = auto()  # of a column that is constant during a visit, or empty in some of its events
    LEAST = auto()
    SUM = auto()
    LATEST_PER_KEY = auto()  # of a map


class Lists(Flag):
    """Where rows are listed one by one."""

    NONE = 0
    VISITS = auto()
    ACTIONS = auto()
    HITS = auto()  # on links


@dataclass(frozen=True)
class ColumnDimension:
    """How reports group and filter by a column; `reports.query.dimensions.Dimension` explains the fields."""

    label: str
    _: KW_ONLY
    name: str = ""  # of the dimension, if it is not that of the column
    empty: str = "(not set)"
    skip_empty: bool = False
    format: str = "text"
    exposed_by: str = "self"
    audience: str = "site"
    in_rollups: bool = False
    by_device: bool = False  # it is a column of `rollup_devices`


@dataclass(frozen=True)
class Column:
    """What the store and the reports have to know of a column."""

    type: str  # ClickHouse's
    doc: str
    _: KW_ONLY
    codec: str = ""
    visit: VisitValue | None = None  # None: only events have it
    lists: Lists = Lists.NONE
    dimension: ColumnDimension | None = None


FIRST, FIRST_KNOWN, GREATEST, LEAST, SUM, LATEST_PER_KEY = VisitValue
VISITS, ACTIONS, HITS = Lists
ALL_LISTS = VISITS | ACTIONS | HITS


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

    # fmt: off
    site_id: Annotated[int, Column("UInt64", "the site", lists=VISITS | ACTIONS)]
    ts: Annotated[datetime, Column(TIME, "when it happened", codec=DELTA, lists=ACTIONS | HITS)]
    id: Annotated[int, Column("UInt64", "the event's own number, below 2**53", lists=ACTIONS | HITS)]
    kind: Annotated[str, Column(
        WORD, "What an event is: view, event, click, outbound, download, form, video, ping …", lists=ACTIONS | HITS,
        dimension=ColumnDimension("Kind"),
    )]
    device: Annotated[int, Column(
        "UInt64", "cookie or daily salted hash; immutable", visit=GREATEST, lists=VISITS | ACTIONS,
    )]
    visit: Annotated[int, Column("UInt64", "the visit's number", lists=VISITS | ACTIONS)]
    visit_start: Annotated[datetime, Column(TIME, "when the visit began", codec=DELTA, visit=LEAST, lists=VISITS)]
    view_id: Annotated[int, Column("UInt64", "the page view this belongs to; 0 = none", lists=ACTIONS)]
    person: Annotated[str, Column(TEXT, "username, where the site sent one", visit=GREATEST, lists=VISITS | ACTIONS)]
    host: Annotated[str, Column(WORD, "host name of the page", visit=GREATEST, lists=VISITS | ACTIONS)]
    path: Annotated[str, Column(WORD, "path of the page with the meaningful part of its query", lists=ACTIONS)]
    title: Annotated[str, Column(
        WORD, "The title of the page.", lists=ACTIONS,
        dimension=ColumnDimension("Page title", exposed_by="view", skip_empty=True),
    )]
    name: Annotated[str, Column(
        WORD, "The name of an event, goal or form, whatever its kind.", lists=ACTIONS | HITS,
        dimension=ColumnDimension("Name", skip_empty=True),
    )]
    target: Annotated[str, Column(
        WORD, "The URL or element that was clicked, whatever the event's kind.", lists=ACTIONS,
        dimension=ColumnDimension("Target", skip_empty=True),
    )]
    text: Annotated[str, Column(
        TEXT, "The text of what was clicked.", lists=ACTIONS | HITS,
        dimension=ColumnDimension("Clicked text", skip_empty=True),
    )]
    referrer: Annotated[str, Column(
        TEXT, "The URL that linked here, without click ids.", visit=FIRST, lists=ALL_LISTS,
        dimension=ColumnDimension("Referring page", skip_empty=True, format="url", empty="Direct", in_rollups=True),
    )]
    referrer_domain: Annotated[str, Column(
        WORD, "The referring URL's host without www.", visit=FIRST, lists=ALL_LISTS,
        dimension=ColumnDimension("Referring domain", skip_empty=True, empty="Direct", in_rollups=True, by_device=True),
    )]
    source: Annotated[str, Column(
        WORD, "Where the visit came from: a search engine, a network, a site, a campaign.",
        visit=FIRST, lists=ALL_LISTS,
        dimension=ColumnDimension("Source", empty="Direct", in_rollups=True, by_device=True),
    )]
    channel: Annotated[str, Column(
        WORD, "The kind of source: organic search, social, email, direct …", visit=FIRST, lists=ALL_LISTS,
        dimension=ColumnDimension("Channel", in_rollups=True, by_device=True),
    )]
    search_term: Annotated[str, Column(
        WORD, "What was searched for, where the search engine sends it.", visit=FIRST, lists=VISITS | ACTIONS,
        dimension=ColumnDimension("Search term", skip_empty=True, in_rollups=True),
    )]
    utm_source: Annotated[str, Column(
        WORD, "The visit's utm_source.", visit=FIRST, lists=VISITS,
        dimension=ColumnDimension("UTM source", skip_empty=True, in_rollups=True, by_device=True),
    )]
    utm_medium: Annotated[str, Column(
        WORD, "The visit's utm_medium.", visit=FIRST, lists=VISITS,
        dimension=ColumnDimension("UTM medium", skip_empty=True, in_rollups=True, by_device=True),
    )]
    utm_campaign: Annotated[str, Column(
        WORD, "The visit's utm_campaign.", visit=FIRST, lists=VISITS | ACTIONS,
        dimension=ColumnDimension("Campaign", skip_empty=True, in_rollups=True, by_device=True),
    )]
    utm_content: Annotated[str, Column(
        WORD, "The visit's utm_content.", visit=FIRST, lists=VISITS,
        dimension=ColumnDimension("UTM content", skip_empty=True, in_rollups=True),
    )]
    utm_term: Annotated[str, Column(
        WORD, "The visit's utm_term.", visit=FIRST, lists=VISITS,
        dimension=ColumnDimension("UTM term", skip_empty=True, in_rollups=True),
    )]
    country: Annotated[str, Column(
        WORD, "ISO 3166 code.", visit=FIRST_KNOWN, lists=ALL_LISTS,
        dimension=ColumnDimension("Country", format="country", empty="Unknown", in_rollups=True, by_device=True),
    )]
    region: Annotated[str, Column(
        WORD, "State, province or county.", visit=FIRST_KNOWN, lists=ALL_LISTS,
        dimension=ColumnDimension("Region", empty="Unknown", in_rollups=True, by_device=True),
    )]
    city: Annotated[str, Column(
        WORD, "", visit=FIRST_KNOWN, lists=ALL_LISTS,
        dimension=ColumnDimension("City", empty="Unknown", in_rollups=True, by_device=True),
    )]
    latitude: Annotated[float, Column("Float32", "", lists=ACTIONS | HITS)]
    longitude: Annotated[float, Column("Float32", "", lists=ACTIONS | HITS)]
    language: Annotated[str, Column(
        WORD, "The browser's first language, e.g. en-US.", visit=GREATEST, lists=VISITS | HITS,
        dimension=ColumnDimension("Language", format="language", empty="Unknown", in_rollups=True, by_device=True),
    )]
    ip: Annotated[str, Column(
        TEXT, "The address: complete, shortened or empty, as the site chose.", visit=GREATEST, lists=ALL_LISTS,
        dimension=ColumnDimension("IP address", skip_empty=True),
    )]
    asn: Annotated[int, Column("UInt32", "number of the network", visit=GREATEST)]
    organization: Annotated[str, Column(
        WORD, "The organisation that owns the visitor's network.", visit=GREATEST, lists=VISITS | HITS,
        dimension=ColumnDimension("Network", empty="Unknown"),
    )]
    device_type: Annotated[str, Column(
        WORD, "Desktop, Mobile, Tablet, TV, Console, Other.", visit=GREATEST, lists=ALL_LISTS,
        dimension=ColumnDimension("Device", name="device", empty="Unknown", in_rollups=True, by_device=True),
    )]
    device_model: Annotated[str, Column(WORD, "", visit=GREATEST, lists=VISITS)]
    browser: Annotated[str, Column(
        WORD, "", visit=GREATEST, lists=ALL_LISTS,
        dimension=ColumnDimension("Browser", empty="Unknown", in_rollups=True, by_device=True),
    )]
    browser_version: Annotated[str, Column(
        WORD, "", visit=GREATEST, lists=VISITS | HITS,
        dimension=ColumnDimension("Browser version", empty="Unknown"),
    )]
    os: Annotated[str, Column(
        WORD, "", visit=GREATEST, lists=ALL_LISTS,
        dimension=ColumnDimension("Operating system", empty="Unknown", in_rollups=True, by_device=True),
    )]
    os_version: Annotated[str, Column(
        WORD, "", visit=GREATEST, lists=VISITS | HITS,
        dimension=ColumnDimension("System version", empty="Unknown"),
    )]
    screen: Annotated[str, Column(
        WORD, "Width x height in CSS pixels.", visit=GREATEST, lists=VISITS,
        dimension=ColumnDimension("Screen", empty="Unknown", in_rollups=True, by_device=True),
    )]
    user_agent: Annotated[str, Column(TEXT, "", codec="ZSTD(3)", lists=HITS)]
    engaged: Annotated[int, Column(
        "UInt32", "milliseconds of attention since the last beacon of this view", visit=SUM, lists=ACTIONS,
    )]
    scroll: Annotated[int, Column(
        "UInt8", "scroll depth of this view, percent", visit=GREATEST, lists=VISITS | ACTIONS,
    )]
    revenue: Annotated[float, Column(
        AMOUNT, "of a goal, event or conversion; negative for a refund", visit=SUM, lists=ALL_LISTS,
    )]
    currency: Annotated[str, Column(
        WORD, "ISO 4217 code of an amount.", lists=ACTIONS | HITS,
        dimension=ColumnDimension("Currency", skip_empty=True, exposed_by=""),
    )]
    props: Annotated[dict[str, str], Column(PAIRS, "the event's own data", lists=ACTIONS)]
    tags: Annotated[dict[str, str], Column(PAIRS, "the visit's custom data", visit=LATEST_PER_KEY, lists=VISITS)]
    split_test: Annotated[str, Column(
        WORD, "The name of an experiment (A/B test).", lists=ACTIONS,
        dimension=ColumnDimension("Split test", skip_empty=True, exposed_by=""),
    )]
    split_arm: Annotated[str, Column(
        WORD, "The variant the visitor saw.", lists=ACTIONS,
        dimension=ColumnDimension("Split test version", skip_empty=True, exposed_by=""),
    )]
    is_new: Annotated[int, Column("UInt8", "the device was never seen before this visit", visit=GREATEST, lists=VISITS)]
    account_id: Annotated[int, Column("UInt64", "links: the account that owns the link")]
    link_id: Annotated[int, Column(
        "UInt64", "links: which link or pixel; on a visit: the link that started it",
        visit=GREATEST, lists=VISITS | HITS,
    )]
    group_id: Annotated[int, Column("UInt64", "links: its group", visit=GREATEST, lists=HITS)]
    click_id: Annotated[int, Column(
        "UInt64", "links: this click; on a visit or conversion: the click that led to it", visit=GREATEST, lists=HITS,
    )]
    conversion_id: Annotated[int, Column("UInt64", "links: which conversion", lists=HITS)]
    destination: Annotated[str, Column(
        WORD, "Where a click was redirected to.", lists=HITS,
        dimension=ColumnDimension("Destination", skip_empty=True, format="url", audience="link"),
    )]
    is_unique: Annotated[int, Column("UInt8", "links: first of its IP on this link in 30 minutes", lists=HITS)]
    commission: Annotated[float, Column(AMOUNT, "links: of a conversion", lists=HITS)]
    cost: Annotated[float, Column(AMOUNT, "links: of a click", lists=HITS)]
    # fmt: on


EVENT_COLUMNS: dict[str, Column] = {
    name: annotation.__metadata__[0] for name, annotation in get_type_hints(Event, include_extras=True).items()
}
LINK_COLUMNS = ("link_id", "group_id", "click_id")  # of the link that led to a visit: all its events have them


def find_columns(*values: VisitValue) -> tuple[str, ...]:
    """Return the names of the columns of which a visit has such a value."""
    return tuple(name for name, column in EVENT_COLUMNS.items() if column.visit in values)


def find_listed_columns(where: Lists) -> tuple[str, ...]:
    """Return the names of the columns that rows of a list have."""
    return tuple(name for name, column in EVENT_COLUMNS.items() if where in column.lists)


ORIGIN_COLUMNS = find_columns(FIRST)  # a visit's source: all its events have that of the first one


def select_columns(row: Mapping[str, object], names: Iterable[str]) -> Event:
    """Return those of the columns that have a value in the row."""
    return cast(Event, {name: row[name] for name in names if row.get(name)})


def empty_columns(names: Iterable[str]) -> Event:
    """Return columns of texts without a value."""
    return cast(Event, dict.fromkeys(names, ""))
