"""Popular types: items by how often, most first. One row each: type -> question to the engine -> title, url, link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reports.clicky.asked import Asked
from reports.clicky.dates import Dates
from reports.clicky.filters import (
    address_forms,
    browser,
    city,
    is_any,
    named,
    on_page,
    path_of,
    region,
    split_test,
    system,
    target,
)
from reports.clicky.outputs import Block, Day, Item, encoded
from reports.clicky.tallies import hours_of
from reports.clicky.words import (
    CLICKS,
    SEARCH_CHANNELS,
    UNKNOWN,
    browser_title,
    country_code,
    country_title,
    language_title,
    one_place,
    place_title,
    whole,
)
from sites.facts import SiteFacts

Row = dict[str, Any]
Filter = dict[str, Any]
MOST_DAYS = 100  # of a popular type with daily=1


@dataclass(frozen=True)
class Popular:
    """`metric` by `dimensions`, of events or visits that satisfy `where`.

    `title` is made of a row; `url` leads to the thing (page, link), where there is one; `one` makes the filter of
    `item=…`; `section`: the part of the dashboard that an item's `stats_url` leads to.
    """

    name: str
    dimensions: tuple[str, ...]
    metric: str = "visits"
    where: tuple[Filter, ...] = ()
    title: Callable[[Row], str] | None = None
    url: Callable[[Asked, Row], str] | None = None
    one: Callable[[str], Filter] | None = None
    section: str = ""
    logged: bool = False  # its items are the addresses that actions were logged with

    def title_of(self, row: Row) -> str:
        return self.title(row) if self.title else str(row[self.dimensions[0]]) or UNKNOWN

    def item_filter(self, facts: SiteFacts, text: str) -> Filter:
        if self.one:
            return self.one(text)
        first = self.dimensions[0]
        return target(first, facts, text) if self.logged else named(first, text)


def kind(*names: str) -> tuple[Filter, ...]:
    return (is_any("kind", *names),)


def known(dimension: str) -> tuple[Filter, ...]:
    """Only where the dimension has a value."""
    return ({"dimension": dimension, "operator": "is_not", "value": [""]},)


def of(dimension: str) -> Callable[[Row], str]:
    return lambda row: str(row[dimension])


def linked(dimension: str) -> Callable[[Asked, Row], str]:
    return lambda asked, row: asked.links.address(str(row[dimension]))


def hosted(dimension: str) -> Callable[[Asked, Row], str]:
    return lambda asked, row: f"http://{row[dimension]}/"


def paged(dimension: str) -> Callable[[Asked, Row], str]:
    return lambda asked, row: asked.links.page(str(row[dimension]))


def one_page(dimension: str) -> Callable[[str], Filter]:
    return lambda text: on_page(dimension, text)


NOT_SEARCH = ({"dimension": "channel", "operator": "is_not", "value": list(SEARCH_CHANNELS)},)

PAGES = ("page", "entry_page", "exit_page")

ROWS: tuple[Popular, ...] = (
    Popular("pages", ("page",), "views", url=paged("page"), one=one_page("page"), section="content"),
    Popular("pages-entrance", ("entry_page",), url=paged("entry_page"), one=one_page("entry_page")),
    Popular("pages-exit", ("exit_page",), url=paged("exit_page"), one=one_page("exit_page")),
    Popular("downloads", ("download",), "actions", kind("download"), url=linked("download"), logged=True),
    Popular("events", ("name",), "actions", kind(*CLICKS)),
    Popular("video", ("video",), "actions", kind("video"), url=linked("video"), logged=True),
    Popular("site-domains", ("host",), "views", url=hosted("host")),
    Popular("links", ("referrer",), where=NOT_SEARCH, url=linked("referrer"), section="sources"),
    Popular("links-domains", ("referrer_domain",), where=NOT_SEARCH, url=hosted("referrer_domain")),
    Popular("links-outbound", ("outbound",), "actions", kind("outbound"), url=linked("outbound"),
            logged=True),
    Popular("searches", ("search_term",), where=known("search_term")),
    Popular("searches-engines", ("source",), where=(is_any("channel", *SEARCH_CHANNELS),)),
    Popular("split-tests", ("split_test", "split_arm"), where=known("split_test"),
            title=lambda row: f"{row['split_test']}: {row['split_arm']}", one=split_test),
    Popular("campaigns", ("utm_campaign",)),
    Popular("countries", ("country",), title=lambda row: country_title(row["country"]),
            one=lambda text: is_any("country", country_code(text))),
    Popular("regions", ("region", "country"), title=lambda row: place_title(row["region"], row["country"]),
            one=region),
    Popular("cities", ("city", "country"), title=lambda row: place_title(row["city"], row["country"]), one=city),
    Popular("languages", ("language",), title=lambda row: language_title(row["language"]),
            one=lambda text: is_any("language", text)),
    Popular("web-browsers", ("browser", "browser_version"), one=browser,
            title=lambda row: browser_title(row["browser"], row["browser_version"])),
    Popular("operating-systems", ("os", "os_version"), one=system,
            title=lambda row: f"{row['os'] or UNKNOWN} {row['os_version']}".strip()),
    Popular("screen-resolutions", ("screen",)),
    Popular("hardware", ("device",)),
    Popular("organizations", ("organization",)),
)  # fmt: skip
POPULAR = {row.name: row for row in ROWS}


def popular(row: Popular, asked: Asked) -> Block:
    """The block of one popular type."""
    if asked.hourly:
        return Block(row.name, [Day(day.label, hourly_items(row, asked, day)) for day in asked.days], hourly=True)
    return Block(row.name, [Day(day.label, items(row, asked, day)) for day in asked.days])


def conditions(row: Popular, asked: Asked) -> list[Filter]:
    """The type's own conditions, and `item` and `filter`."""
    found = list(row.where)
    if asked.item:
        found.append(row.item_filter(asked.facts, asked.item))
    if asked.filter:
        found.append({"dimension": row.dimensions[0], "operator": "contains", "value": parts_wanted(row, asked)})
    return found


def parts_wanted(row: Popular, asked: Asked) -> list[str]:
    """What `filter` looks for: of a page's address the path, since that is what is stored of pages."""
    if row.dimensions[0] in PAGES:
        return [path_of(asked.filter) if "://" in asked.filter else asked.filter]
    return address_forms(asked.facts, asked.filter) if row.logged else [asked.filter]


def items(row: Popular, asked: Asked, dates: Dates) -> list[Item]:
    """One page of items for some days together."""
    return written(row, asked, dates, rows_of(row, asked, dates))


def rows_of(row: Popular, asked: Asked, dates: Dates) -> list[Row]:
    """The rows of one page as the engine gives them."""
    return asked.ask(
        dates, (row.metric,), conditions(row, asked), dimensions=row.dimensions,
        limit=asked.limit, offset=asked.offset,
    ).rows  # fmt: skip


def written(row: Popular, asked: Asked, dates: Dates, rows: list[Row]) -> list[Item]:
    total = whole_of(row, asked, dates) if rows else 0
    titles, addresses = page_titles(row, asked, dates, rows), logged_addresses(row, asked, dates, rows)
    made = []
    for each in rows:
        address = addresses.get(str(each["name"]), "") if row.name == "events" else ""
        made.append(item(row, asked, dates, each, total, titles) | ({"url": address} if address else {}))
    return made


def whole_of(row: Popular, asked: Asked, dates: Dates) -> float:
    """What an item's percentage is a share of: everything of the type, whatever item or filter was asked for."""
    present = known(row.dimensions[0]) if row.dimensions[0] in SHARE_OF_KNOWN else ()
    return float(asked.ask(dates, (row.metric,), [*row.where, *present]).rows[0][row.metric] or 0)


SHARE_OF_KNOWN = ("utm_campaign", "referrer", "referrer_domain", "page", "host", "entry_page", "exit_page")


def item(row: Popular, asked: Asked, dates: Dates, found: Row, total: float, titles: dict[str, str]) -> Item:
    """One item: all values are text, titles HTML-encoded."""
    first = str(found[row.dimensions[0]])
    made: Item = {
        "value": whole(found[row.metric]),
        "value_percent": one_place(100 * float(found[row.metric]) / total if total else 0),
        "title": encoded(titles.get(first) or row.title_of(found)),
        "stats_url": asked.links.stats(dates, row.section, **{name: str(found[name]) for name in row.dimensions}),
    }
    if row.url and (url := row.url(asked, found)):
        made["url"] = f"{url}#_heatmap" if asked.heatmap and row.name == "pages" else url
    return made


def logged_addresses(row: Popular, asked: Asked, dates: Dates, rows: list[Row]) -> dict[str, str]:
    """The address that most events of each name were logged with."""
    if row.name != "events" or not rows:
        return {}
    wanted = [*row.where, is_any("name", *(str(each["name"]) for each in rows)), *known("target")]
    found = asked.ask(dates, ("actions",), wanted, dimensions=("name", "target"), limit=len(rows) * 20)
    addresses: dict[str, str] = {}
    for each in found.rows:
        if address := asked.links.address(str(each["target"])):
            addresses.setdefault(str(each["name"]), address)
    return addresses


def page_titles(row: Popular, asked: Asked, dates: Dates, rows: list[Row]) -> dict[str, str]:
    """The most seen title of each page shown: Clicky's pages are called by their titles."""
    if not row.name.startswith("pages") or not rows:
        return {}
    paths = [str(each[row.dimensions[0]]) for each in rows]
    found = asked.ask(
        dates, ("views",), [is_any("kind", "view"), is_any("page", *paths)], dimensions=("page", "title"),
        limit=len(paths) * 5,
    )  # fmt: skip
    titles: dict[str, str] = {}
    for each in found.rows:
        titles.setdefault(str(each["page"]), str(each["title"]))
    return titles


def hourly_items(row: Popular, asked: Asked, day: Dates) -> list[Item]:
    """The day's items; the value of each is a list of one number per hour, midnight first."""
    rows = rows_of(row, asked, day)
    found = asked.ask(day, (row.metric,), conditions(row, asked), dimensions=("hour", *row.dimensions), limit=100_000)
    known = {(each["hour"], *values(row, each)): each[row.metric] for each in found.rows}
    hours = hours_of(day, asked)
    return [
        {**one, "value": [whole(known.get((hour, *values(row, each)), 0)) for hour in hours]}
        for each, one in zip(rows, written(row, asked, day, rows), strict=True)
    ]


def values(row: Popular, found: Row) -> tuple[str, ...]:
    return tuple(str(found[name]) for name in row.dimensions)
