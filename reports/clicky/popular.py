"""Popular types: items by their number, most first. Each is a row: type -> dimensions and metric -> title and link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

from goals.predicates import Filter, is_one_of
from reports.clicky.dates import Dates
from reports.clicky.filters import (
    FilterBuilder,
    build_match_or_unknown,
    build_target_filter,
    extract_path,
    filter_browser,
    filter_city,
    filter_os,
    filter_region,
    filter_split_test,
    list_address_forms,
    match_page,
)
from reports.clicky.outputs import DateEntry, Item, TypeBlock, encode_html
from reports.clicky.stats_request import StatsRequest
from reports.clicky.stats_type import StatsType
from reports.clicky.tallies import list_hours
from reports.clicky.terms import (
    CLICK_KINDS,
    SEARCH_CHANNELS,
    UNKNOWN,
    format_browser,
    format_integer,
    format_place,
    format_tenth,
    get_country_title,
    get_language_title,
    parse_country,
)
from reports.query.model import Row
from sites.site_config import SiteConfig

MAX_HOURLY_ROWS = 100_000


@dataclass(frozen=True)
class PopularType(StatsType):
    """`metric` by `dimensions`, of events or visits that satisfy `where`.

    `build_title` and `build_url` are given a row; `build_filter` is given the title that `item=…` names. `section` is
    the part of the dashboard that an item's `stats_url` leads to. `of_targets`: items are targets of actions.
    """

    dimensions: tuple[str, ...]
    metric: str = "visits"
    where: tuple[Filter, ...] = ()
    _: KW_ONLY
    build_title: Callable[[Row], str] | None = None
    build_url: Callable[[StatsRequest, Row], str] | None = None
    build_filter: FilterBuilder | None = None
    section: str = ""
    of_targets: bool = False

    def build(self, request: StatsRequest) -> TypeBlock:
        """Build the block; with `hourly` the value of each item is a list of one number per hour, midnight first."""
        build_items = build_hourly_items if request.hourly else build_day_items
        entries = [DateEntry(day.label, build_items(self, request, day)) for day in request.days]
        return TypeBlock(self.name, entries, hourly=request.hourly)

    def get_title(self, row: Row) -> str:
        return self.build_title(row) if self.build_title else str(row[self.dimensions[0]]) or UNKNOWN

    def build_item_filter(self, site: SiteConfig, title: str) -> Filter:
        """Return the filter of the item with this title."""
        if self.build_filter:
            return self.build_filter(site, title)
        dimension = self.dimensions[0]
        if self.of_targets:
            return build_target_filter(dimension, site, title)
        return build_match_or_unknown(dimension, title)

    def get_key(self, row: Row) -> tuple[str, ...]:
        """Return the row's values of the dimensions, which identify it."""
        return tuple(str(row[name]) for name in self.dimensions)


def of_kind(*kinds: str) -> tuple[Filter, ...]:
    return (is_one_of("kind", *kinds),)


def has_value(dimension: str) -> tuple[Filter, ...]:
    return ({"dimension": dimension, "operator": "is_not", "value": [""]},)


def link_target(dimension: str) -> Callable[[StatsRequest, Row], str]:
    return lambda request, row: request.links.build_target_url(str(row[dimension]))


def link_host(dimension: str) -> Callable[[StatsRequest, Row], str]:
    return lambda request, row: f"http://{row[dimension]}/"


def link_page(dimension: str) -> Callable[[StatsRequest, Row], str]:
    return lambda request, row: request.links.build_page_url(str(row[dimension]))


NOT_SEARCH: tuple[Filter, ...] = ({"dimension": "channel", "operator": "is_not", "value": list(SEARCH_CHANNELS)},)
PAGE_DIMENSIONS = ("page", "entry_page", "exit_page")
# Percentages are shares of what has a value in these dimensions, of everything in the others
SHARE_OF_VALUES = ("utm_campaign", "referrer", "referrer_domain", "host", *PAGE_DIMENSIONS)

POPULAR_TYPES: tuple[PopularType, ...] = (
    PopularType("pages", ("page",), "views", build_url=link_page("page"), build_filter=match_page("page"),
                section="content", example="Pricing"),
    PopularType("pages-entrance", ("entry_page",), build_url=link_page("entry_page"),
                build_filter=match_page("entry_page"), example="Home"),
    PopularType("pages-exit", ("exit_page",), build_url=link_page("exit_page"), build_filter=match_page("exit_page"),
                example="Thank you"),
    PopularType("downloads", ("download",), "actions", of_kind("download"), build_url=link_target("download"),
                of_targets=True, example="https://example.com/price-list.pdf"),
    PopularType("events", ("name",), "actions", of_kind(*CLICK_KINDS), example="Newsletter", aliases=("clicks",)),
    PopularType("video", ("video",), "actions", of_kind("video"), build_url=link_target("video"), of_targets=True,
                example="https://example.com/tour.mp4"),
    PopularType("site-domains", ("host",), "views", build_url=link_host("host"), example="example.com"),
    PopularType("links", ("referrer",), where=NOT_SEARCH, build_url=link_target("referrer"), section="sources",
                example="https://blog.example.org/review"),
    PopularType("links-domains", ("referrer_domain",), where=NOT_SEARCH, build_url=link_host("referrer_domain"),
                example="blog.example.org", aliases=("referrers-domains",)),
    PopularType("links-outbound", ("outbound",), "actions", of_kind("outbound"), build_url=link_target("outbound"),
                of_targets=True, example="https://partner.example.org/", aliases=("exit-links",)),
    PopularType("searches", ("search_term",), where=has_value("search_term"),
                example="web statistics", aliases=("search",)),
    PopularType("searches-engines", ("source",), where=(is_one_of("channel", *SEARCH_CHANNELS),), example="Google"),
    PopularType("split-tests", ("split_test", "split_arm"), where=has_value("split_test"),
                build_title=lambda row: f"{row['split_test']}: {row['split_arm']}", build_filter=filter_split_test,
                example="Prices: high"),
    PopularType("campaigns", ("utm_campaign",), example="spring"),
    PopularType("countries", ("country",), build_title=lambda row: get_country_title(row["country"]),
                build_filter=lambda site, title: is_one_of("country", parse_country(title)), example="Estonia"),
    PopularType("regions", ("region", "country"),
                build_title=lambda row: format_place(row["region"], row["country"]), build_filter=filter_region,
                example="Texas, United States"),
    PopularType("cities", ("city", "country"),
                build_title=lambda row: format_place(row["city"], row["country"]), build_filter=filter_city,
                example="Tallinn, Estonia"),
    PopularType("languages", ("language",), build_title=lambda row: get_language_title(row["language"]),
                build_filter=lambda site, title: is_one_of("language", title), example="Estonian"),
    PopularType("web-browsers", ("browser", "browser_version"), build_filter=filter_browser,
                build_title=lambda row: format_browser(row["browser"], row["browser_version"]),
                example="Google Chrome 120"),
    PopularType("operating-systems", ("os", "os_version"), build_filter=filter_os,
                build_title=lambda row: f"{row['os'] or UNKNOWN} {row['os_version']}".strip(), example="Windows 11"),
    PopularType("screen-resolutions", ("screen",), example="1920x1080"),
    PopularType("hardware", ("device",), example="Desktop"),
    PopularType("organizations", ("organization",), example="Example University"),
)  # fmt: skip


def build_conditions(popular: PopularType, request: StatsRequest) -> list[Filter]:
    """Return the type's own conditions with those of the parameters `item` and `filter`."""
    conditions = list(popular.where)
    if request.item:
        conditions.append(popular.build_item_filter(request.site, request.item))
    if request.filter:
        texts = list_filter_texts(popular, request)
        conditions.append({"dimension": popular.dimensions[0], "operator": "contains", "value": texts})
    return conditions


def list_filter_texts(popular: PopularType, request: StatsRequest) -> list[str]:
    """Return what `filter` searches for: of a page's address the path, since only paths of pages are stored."""
    if popular.dimensions[0] in PAGE_DIMENSIONS:
        return [extract_path(request.filter) if "://" in request.filter else request.filter]
    return list_address_forms(request.site, request.filter) if popular.of_targets else [request.filter]


def build_day_items(popular: PopularType, request: StatsRequest, dates: Dates) -> list[Item]:
    """Build one page of items of all the days together."""
    return build_items(popular, request, dates, load_rows(popular, request, dates))


def load_rows(popular: PopularType, request: StatsRequest, dates: Dates) -> list[Row]:
    """Load one page of the engine's rows."""
    return request.ask(
        dates,
        (popular.metric,),
        build_conditions(popular, request),
        dimensions=popular.dimensions,
        limit=request.limit,
        offset=request.offset,
    ).rows


def build_items(popular: PopularType, request: StatsRequest, dates: Dates, rows: list[Row]) -> list[Item]:
    """Build the items of these rows, with the titles of pages and the addresses of events."""
    total = load_total(popular, request, dates) if rows else 0
    titles = load_page_titles(popular, request, dates, rows)
    addresses = load_event_addresses(popular, request, dates, rows)
    items = []
    for row in rows:
        address = addresses.get(str(row["name"]), "") if popular.name == "events" else ""
        items.append(build_item(popular, request, dates, row, total, titles) | ({"url": address} if address else {}))
    return items


def load_total(popular: PopularType, request: StatsRequest, dates: Dates) -> float:
    """Return what percentages are shares of: everything of the type, whatever `item` or `filter` choose."""
    present = has_value(popular.dimensions[0]) if popular.dimensions[0] in SHARE_OF_VALUES else ()
    row = request.ask(dates, (popular.metric,), [*popular.where, *present]).rows[0]
    return float(row[popular.metric] or 0)


def build_item(
    popular: PopularType, request: StatsRequest, dates: Dates, row: Row, total: float, titles: dict[str, str]
) -> Item:
    """Build one item: all values are text, titles HTML-encoded."""
    value = row[popular.metric]
    filters = {name: str(row[name]) for name in popular.dimensions}
    item: Item = {
        "value": format_integer(value),
        "value_percent": format_tenth(100 * float(value) / total if total else 0),
        "title": encode_html(titles.get(str(row[popular.dimensions[0]])) or popular.get_title(row)),
        "stats_url": request.links.build_stats_url(dates, popular.section, **filters),
    }
    if popular.build_url and (url := popular.build_url(request, row)):
        item["url"] = f"{url}#_heatmap" if request.heatmap_urls and popular.name == "pages" else url
    return item


def load_event_addresses(popular: PopularType, request: StatsRequest, dates: Dates, rows: list[Row]) -> dict[str, str]:
    """Return, for each name of an event, the address that most events of that name were logged with."""
    if popular.name != "events" or not rows:
        return {}
    conditions = [*popular.where, is_one_of("name", *(str(row["name"]) for row in rows)), *has_value("target")]
    result = request.ask(dates, ("actions",), conditions, dimensions=("name", "target"), limit=len(rows) * 20)
    addresses: dict[str, str] = {}
    for row in result.rows:
        if address := request.links.build_target_url(str(row["target"])):
            addresses.setdefault(str(row["name"]), address)
    return addresses


def load_page_titles(popular: PopularType, request: StatsRequest, dates: Dates, rows: list[Row]) -> dict[str, str]:
    """Return the most frequent title of each page: Clicky names pages by their titles."""
    if not popular.name.startswith("pages") or not rows:
        return {}
    paths = [str(row[popular.dimensions[0]]) for row in rows]
    conditions = [is_one_of("kind", "view"), is_one_of("page", *paths)]
    result = request.ask(dates, ("views",), conditions, dimensions=("page", "title"), limit=len(paths) * 5)
    titles: dict[str, str] = {}
    for row in result.rows:
        titles.setdefault(str(row["page"]), str(row["title"]))
    return titles


def build_hourly_items(popular: PopularType, request: StatsRequest, day: Dates) -> list[Item]:
    """Build the day's items; the value of each is a list of one number per hour, midnight first."""
    rows = load_rows(popular, request, day)
    result = request.ask(
        day,
        (popular.metric,),
        build_conditions(popular, request),
        dimensions=("hour", *popular.dimensions),
        limit=MAX_HOURLY_ROWS,
    )
    values = {(row["hour"], *popular.get_key(row)): row[popular.metric] for row in result.rows}
    hours = list_hours(day)
    return [
        {**item, "value": [format_integer(values.get((hour, *popular.get_key(row)), 0)) for hour in hours]}
        for row, item in zip(rows, build_items(popular, request, day, rows), strict=True)
    ]
