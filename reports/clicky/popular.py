"""Popular types: items by their number, most first. Each is a row: type -> dimensions and metric -> title and link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

from goals.predicates import Filter, is_one_of
from reports.clicky import filters, terms
from reports.clicky.dates import Dates
from reports.clicky.filters import FILTERS, FilterBuilder, compare, has_value
from reports.clicky.outputs import Item, encode_html
from reports.clicky.stats_request import StatsRequest
from reports.clicky.stats_type import StatsType
from reports.clicky.tallies import list_hours
from reports.query.model import Row
from reports.query.vocabulary import format_country, format_language
from sites.site_config import SiteConfig

MAX_HOURLY_ROWS = 100_000
PAGE_DIMENSIONS = ("page", "entry_page", "exit_page")
TARGET_DIMENSIONS = ("download", "video", "outbound")  # addresses that actions were logged with
HOST_DIMENSIONS = ("host", "referrer_domain")
# Percentages are shares of what has a value in these dimensions, of everything in the others
SHARE_OF_VALUES = ("utm_campaign", "referrer", *HOST_DIMENSIONS, *PAGE_DIMENSIONS)


@dataclass(frozen=True, kw_only=True)
class CountedItem:
    """One item before it is written. It links to the dashboard's page `section`, filtered by dimension=value."""

    title: str
    value: float
    fields: dict[str, str] = field(default_factory=dict)
    filters: dict[str, str] = field(default_factory=dict)
    section: str = ""

    def write(self, request: StatsRequest, dates: Dates, total: float) -> Item:
        """Write the item: all values are text, the title HTML-encoded. `total`: what the percentage is a share of."""
        return {
            "value": terms.format_integer(self.value),
            "value_percent": terms.format_tenth(100 * float(self.value) / total if total else 0),
            "title": encode_html(self.title),
            **self.fields,
            "stats_url": request.links.build_stats_url(dates, self.section, **self.filters),
        }


@dataclass(frozen=True)
class PopularType(StatsType):
    """`metric` by `dimensions`, of events or visits that satisfy `where`.

    `build_title` is given an item's values of the dimensions ("" is titled Unknown), `build_filter` the title that
    `item=…` names; without it the first dimension must have that value. `section`: the page of the dashboard that
    `stats_url` leads to.
    """

    dimensions: tuple[str, ...]
    metric: str = "visits"
    where: tuple[Filter, ...] = ()
    _: KW_ONLY
    build_title: Callable[..., str] = str
    build_filter: FilterBuilder | None = None
    section: str = ""

    @property
    def dimension(self) -> str:
        return self.dimensions[0]

    def build_items(self, request: StatsRequest, dates: Dates) -> list[Item]:
        rows = self.load_rows(request, dates, self.dimensions, request.limit, request.offset)
        items = self.build_page(request, dates, rows) if rows else []
        if not rows or not request.hourly:
            return items
        hours = list_hours(dates)
        hour_rows = self.load_rows(request, dates, ("hour", *self.dimensions), MAX_HOURLY_ROWS)
        numbers = {(row["hour"], *self.get_key(row)): row[self.metric] for row in hour_rows}
        return [
            {**item, "value": [terms.format_integer(numbers.get((hour, *self.get_key(row)), 0)) for hour in hours]}
            for row, item in zip(rows, items, strict=True)
        ]

    def build_page(self, request: StatsRequest, dates: Dates, rows: list[Row]) -> list[Item]:
        """Build the items of these rows. Clicky names pages by their titles, and events have an address, too."""
        total, values = self.load_total(request, dates), [str(row[self.dimension]) for row in rows]
        titles = load_page_titles(request, dates, values) if self.dimension in PAGE_DIMENSIONS else {}
        addresses = load_event_addresses(request, dates, values) if self.name == "events" else {}
        items = []
        for row, value in zip(rows, values, strict=True):
            key = self.get_key(row)
            counted = CountedItem(
                title=titles.get(value) or self.build_title(*key) or terms.UNKNOWN,
                value=row[self.metric],
                filters=dict(zip(self.dimensions, key, strict=True)),
                section=self.section,
            )
            url = addresses.get(value) or self.build_url(request, value)
            items.append(counted.write(request, dates, total) | ({"url": url} if url else {}))
        return items

    def load_rows(
        self, request: StatsRequest, dates: Dates, dimensions: tuple[str, ...], limit: int, offset: int = 0
    ) -> list[Row]:
        """Load the engine's rows that satisfy the type's own conditions and the parameters `item` and `filter`."""
        where = list(self.where)
        if request.item:
            where.append(self.build_item_filter(request.site, request.item))
        if request.filter:
            texts = self.list_filter_texts(request.site, request.filter)
            where.append(compare(self.dimension, "contains", *texts))
        return request.ask(dates, (self.metric,), where, dimensions, limit=limit, offset=offset).rows

    def build_item_filter(self, site: SiteConfig, title: str) -> Filter:
        """Return the filter of the item with this title."""
        if self.build_filter:
            return self.build_filter(site, title)
        if self.dimension in PAGE_DIMENSIONS:
            return filters.build_page_filter(self.dimension, title)
        if self.dimension in TARGET_DIMENSIONS:
            return filters.build_target_filter(self.dimension, site, title)
        return filters.build_match_or_unknown(self.dimension, title)

    def list_filter_texts(self, site: SiteConfig, text: str) -> list[str]:
        """Return what `filter` searches for: of a page's address the path, since only paths of pages are stored."""
        if self.dimension in PAGE_DIMENSIONS:
            return [filters.extract_path(text) if "://" in text else text]
        return filters.list_address_forms(site, text) if self.dimension in TARGET_DIMENSIONS else [text]

    def load_total(self, request: StatsRequest, dates: Dates) -> float:
        """Return what percentages are shares of: everything of the type, whatever `item` or `filter` choose."""
        present = has_value(self.dimension) if self.dimension in SHARE_OF_VALUES else ()
        row = request.ask(dates, (self.metric,), [*self.where, *present]).rows[0]
        return float(row[self.metric] or 0)

    def get_key(self, row: Row) -> tuple[str, ...]:
        """Return the row's values of the dimensions, which identify it."""
        return tuple(str(row[name]) for name in self.dimensions)

    def build_url(self, request: StatsRequest, value: str) -> str:
        """Return the address of the page, file or host that the first dimension names; "" if it names none."""
        if self.dimension in PAGE_DIMENSIONS:
            address = request.links.build_page_url(value)
            return f"{address}#_heatmap" if request.heatmap_url and self.name == "pages" else address
        if self.dimension in (*TARGET_DIMENSIONS, "referrer"):
            return request.links.build_target_url(value)
        return f"http://{value}/" if self.dimension in HOST_DIMENSIONS else ""


NOT_SEARCH = (compare("channel", "is_not", *terms.SEARCH_CHANNELS),)
CLICKS, DOWNLOADS, OUTBOUND, VIDEOS = (
    (is_one_of("kind", *terms.ACTION_KINDS[type]),) for type in ("click", "download", "outbound", "video")
)
POPULAR_TYPES: tuple[PopularType, ...] = (
    PopularType("pages", ("page",), "views", section="content", example="Pricing"),
    PopularType("pages-entrance", ("entry_page",), example="Home"),
    PopularType("pages-exit", ("exit_page",), example="Thank you"),
    PopularType("downloads", ("download",), "actions", DOWNLOADS, example="https://example.com/price-list.pdf"),
    PopularType("events", ("name",), "actions", CLICKS, example="Newsletter", aliases=("clicks",)),
    PopularType("video", ("video",), "actions", VIDEOS, example="https://example.com/tour.mp4"),
    PopularType("site-domains", ("host",), "views", example="example.com"),
    PopularType("links", ("referrer",), where=NOT_SEARCH, section="sources", example="https://blog.example.org/review"),
    PopularType("links-domains", ("referrer_domain",), where=NOT_SEARCH,
                example="blog.example.org", aliases=("referrers-domains",)),
    PopularType("links-outbound", ("outbound",), "actions", OUTBOUND, aliases=("exit-links",),
                example="https://partner.example.org/"),
    PopularType("searches", ("search_term",), where=has_value("search_term"),
                example="web statistics", aliases=("search",)),
    PopularType("searches-engines", ("source",), where=(is_one_of("channel", *terms.SEARCH_CHANNELS),),
                example="Google"),
    PopularType("split-tests", ("split_test", "split_arm"), where=has_value("split_test"),
                build_title="{}: {}".format, build_filter=filters.filter_split_test, example="Prices: high"),
    PopularType("campaigns", ("utm_campaign",), example="spring"),
    PopularType("countries", ("country",), build_title=format_country,
                build_filter=lambda site, title: is_one_of("country", terms.parse_country(title)), example="Estonia"),
    PopularType("regions", ("region", "country"), build_title=terms.format_place, build_filter=filters.filter_region,
                example="Texas, United States"),
    PopularType("cities", ("city", "country"), build_title=terms.format_place, build_filter=FILTERS["city"],
                example="Tallinn, Estonia"),
    PopularType("languages", ("language",), build_title=format_language,
                build_filter=lambda site, title: is_one_of("language", title), example="Estonian"),
    PopularType("web-browsers", ("browser", "browser_version"), build_title=terms.format_product,
                build_filter=FILTERS["browser"], example="Google Chrome 120"),
    PopularType("operating-systems", ("os", "os_version"), build_title=terms.format_product,
                build_filter=FILTERS["os"], example="Windows 11"),
    PopularType("screen-resolutions", ("screen",), example="1920x1080"),
    PopularType("hardware", ("device",), example="Desktop"),
    PopularType("organizations", ("organization",), example="Example University"),
)  # fmt: skip


def load_page_titles(request: StatsRequest, dates: Dates, pages: list[str]) -> dict[str, str]:
    """Return the most frequent title of each page."""
    where = [is_one_of("kind", "view"), is_one_of("page", *pages)]
    result = request.ask(dates, ("views",), where, ("page", "title"), limit=len(pages) * 5)
    return {str(row["page"]): str(row["title"]) for row in reversed(result.rows)}


def load_event_addresses(request: StatsRequest, dates: Dates, names: list[str]) -> dict[str, str]:
    """Return, for each name of an event, the address that most events of that name were logged with."""
    where = [*CLICKS, is_one_of("name", *names), *has_value("target")]
    result = request.ask(dates, ("actions",), where, ("name", "target"), limit=len(names) * 20)
    addresses = [
        (str(row["name"]), request.links.build_target_url(str(row["target"]))) for row in reversed(result.rows)
    ]
    return {name: address for name, address in addresses if address}
