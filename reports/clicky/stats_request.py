"""A request to the Stats API, parsed from its parameters; values that mean nothing fall back as Clicky's do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar, Unpack
from uuid import UUID

from accounts.keys import is_same_key
from accounts.permissions import SUSPENDED
from goals.models import Goal
from goals.predicates import Filter
from goals.selectors import list_active_goals
from reports.clicky.dates import Dates, find_known_zone, parse_dates
from reports.clicky.errors import ClickyError
from reports.clicky.filters import FILTERS, find_filter, parse_filters
from reports.clicky.result_links import ResultLinks
from reports.query import Period, Query, Result, ask
from reports.query.model import QueryOptions, Row
from sites import site_cache
from sites.alerts.models import Delivery
from sites.site_config import SiteConfig

DEFAULT_LIMIT = 50
MAX_ROWS = 1_000
MAX_PAGE = 10_000
MAX_TYPES = 40
MAX_OFFSET_SECONDS = 31 * 86_400
MAX_SITE_ID_DIGITS = 18
# Every parameter but the filters, and its meaning
PARAMETERS = {
    "site_id": "The site's number",
    "sitekey": "The site's key",
    "sitekey_admin": "The site's admin key, instead of the other",
    "type": "One or more types, separated by commas",
    "date": "today, yesterday, 3-days-ago, last-7-days (today included), previous-7-days (without today), this-week, "
            "last-week, this-month, last-month, this-year, last-year, 2026-03-01, 2026-03-01,2026-03-31, 2026-03, 2026",
    "output": "xml (default), json, php, csv",
    "limit": "How many rows: 50 by default, at most 1,000; all means the same",
    "page": "Which page of rows, from 1",
    "daily": "1: one entry per day, newest first",
    "hourly": "1: one number per hour",
    "item": "Exactly this item",
    "filter": "Items that contain this text",
    "segments": "Types to answer with type=segmentation, narrowed by the visitor filters; summary stands for all key "
                "figures",
    "visitor-details": "Only these fields of visitors, separated by commas",
    "visitor_details": "Another spelling of it",
    "time_offset": "A number of seconds: lists contain only the visitors and actions of that last time. Numbers and "
                   "popular types beside them still cover the whole date",
    "alert_id": "The id of an alert's webhook: the list of the one visit it was about",
    "json_callback": "Wrap the JSON into a call of this function",
    "json_var": "Assign the JSON to this variable",
    "heatmap_url": "1: addresses of pages that open the heatmap",
    "null_values": "1: show empty fields",
}  # fmt: skip
# Parameters that clients send for their own purposes or against caches
IGNORED_PARAMETERS = frozenset({
    "app", "callback", "cb", "cache", "nocache", "rand", "random", "timestamp", "ts", "t", "v", "version", "format",
    "auth", "username", "password", "csrfmiddlewaretoken",
})  # fmt: skip
FILTERED_TYPES = {"visitors-list", "actions-list", "segmentation"}  # other types ignore the visitor filters
FLAGS = ("daily", "hourly", "null_values", "heatmap_url")
TRUE_WORDS = {"1", "true", "yes", "on"}
ListedItem = TypeVar("ListedItem")


@dataclass(frozen=True, kw_only=True)
class StatsRequest:
    """One request, valid and with defaults filled in.

    `visitor_filters` narrow lists and segmentation; plain types ignore them. `last_seconds` narrows lists only: numbers
    requested beside a list still cover the full dates.
    """

    site: SiteConfig
    now: datetime
    types: tuple[str, ...]
    dates: Dates
    links: ResultLinks
    last_seconds: int = 0  # lists cover only the last N seconds; 0 = the full dates
    limit: int = DEFAULT_LIMIT
    page: int = 1
    daily: bool = False
    hourly: bool = False
    item: str = ""  # only the item with exactly this title
    filter: str = ""  # only items whose title contains this text
    visitor_filters: tuple[Filter, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    is_segmentation: bool = False
    segments: tuple[str, ...] = ()
    details: tuple[str, ...] = ()  # the fields of visitors and actions to include; () = all
    null_values: bool = False
    heatmap_url: bool = False

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.limit

    def select_page(self, rows: list[ListedItem]) -> list[ListedItem]:
        """Return the requested page of a complete list."""
        return rows[self.offset : self.offset + self.limit]

    def wants(self, *details: str) -> bool:
        """Return whether one of these fields of visitors or actions is to be included."""
        return not self.details or not {*self.details}.isdisjoint(details)

    @property
    def days(self) -> list[Dates]:
        """The dates that get a `dates` entry each."""
        return self.dates.split_days() if self.daily or self.hourly else [self.dates]

    def build_list_period(self, dates: Dates) -> Period:
        """Return the period that a list covers: the dates, or only the last seconds up to now."""
        if not self.last_seconds:
            return dates.to_period()
        return Period(self.now - timedelta(seconds=self.last_seconds), self.now + timedelta(seconds=1), dates.zone)

    def ask(
        self,
        dates: Dates | Period,
        metrics: tuple[str, ...],
        where: Iterable[Filter] = (),
        dimensions: tuple[str, ...] = (),
        **options: Unpack[QueryOptions],
    ) -> Result:
        """Ask the engine about the site in these dates; a segmentation is narrowed by the visitor filters."""
        query = Query(
            sites=(self.site.site_id,),
            period=dates.to_period() if isinstance(dates, Dates) else dates,
            metrics=metrics,
            dimensions=dimensions,
            where=[*where, *(self.visitor_filters if self.is_segmentation else ())],
            **options,
        )
        return ask(query, now=self.now)


def list_conversions(
    request: StatsRequest, dates: Dates | Period, where: Iterable[Filter], dimensions: tuple[str, ...], limit: int
) -> tuple[list[tuple[Row, Goal]], str]:
    """Return the rows of goals that were reached, each with its goal, and the currency of their revenue."""
    goals = {goal.pk: goal for goal in list_active_goals([request.site.site_id])}
    if not goals:
        return [], ""
    result = request.ask(dates, ("conversions", "revenue"), where, (*dimensions, "goal"), limit=limit)
    rows = ((row, goals.get(int(row["goal"]))) for row in result.rows if row["conversions"])
    return [(row, goal) for row, goal in rows if goal], result.meta.currency


def is_site_id(text: str) -> bool:
    """Return whether the text is a number that fits the column of site ids."""
    return text.isascii() and text.isdigit() and len(text) <= MAX_SITE_ID_DIGITS


def find_site(params: Mapping[str, str]) -> SiteConfig:
    """Return the site of `site_id` if `sitekey` or `sitekey_admin` opens it.

    Raises ClickyError, the same for a wrong key as for an unknown site, so that nobody learns which sites exist.
    """
    site = site_cache.get_site(parse_number(params.get("site_id", ""), -1, MAX_SITE_ID_DIGITS))
    key = params.get("sitekey") or params.get("sitekey_admin") or ""
    if site is None or not (is_same_key(key, site.sitekey) or is_same_key(key, site.sitekey_admin)):
        raise ClickyError("Invalid sitekey.")
    if site.suspended:
        raise ClickyError(SUSPENDED, 403)
    return site


def parse_request(site: SiteConfig, params: Mapping[str, str], now: datetime, links: ResultLinks) -> StatsRequest:
    """Parse the parameters of a request whose key opened `site`. Raises ClickyError."""
    params = resolve_alert(site, params)
    types = split_words(params.get("type", ""))
    if not types:
        raise ClickyError("No type specified.")
    if len(types) > MAX_TYPES:
        raise ClickyError(f"At most {MAX_TYPES} types per request.")
    check_parameter_names(params, types)
    zone = find_known_zone(site.timezone)
    limit = params.get("limit", "")
    return StatsRequest(
        site=site,
        now=now,
        types=types,
        dates=parse_dates(params.get("date") or "today", zone, now),
        links=links,
        last_seconds=min(parse_number(params.get("time_offset", ""), 0), MAX_OFFSET_SECONDS),
        limit=MAX_ROWS if limit == "all" else min(parse_number(limit, DEFAULT_LIMIT) or DEFAULT_LIMIT, MAX_ROWS),
        page=min(max(parse_number(params.get("page", ""), 1), 1), MAX_PAGE),
        item=params.get("item", ""),
        filter=params.get("filter", ""),
        visitor_filters=parse_filters(site, params),
        params=params,
        is_segmentation="segmentation" in types,
        segments=split_words(params.get("segments", "")),
        details=split_words(params.get("visitor-details") or params.get("visitor_details") or ""),
        **{name: params.get(name, "").strip().lower() in TRUE_WORDS for name in FLAGS},
    )


def resolve_alert(site: SiteConfig, params: Mapping[str, str]) -> Mapping[str, str]:
    """Replace `alert_id` by the parameters of a list of the one visit that the alert was about.

    Raises ClickyError for an id that is not an alert of the site.
    """
    alert_id = params.get("alert_id", "").strip()
    if not alert_id:
        return params
    try:
        alert = Delivery.objects.filter(pk=UUID(alert_id), alert__site_id=site.site_id).first()
    except ValueError:
        alert = None
    if alert is None:
        raise ClickyError("Invalid alert_id.")
    days = f"{alert.created - timedelta(days=2):%Y-%m-%d},{alert.created + timedelta(days=1):%Y-%m-%d}"
    session = alert.payload.get("session_id") or "0"
    return {**params, "type": "visitors-list", "session_id": session, "date": params.get("date") or days}


def check_parameter_names(params: Mapping[str, str], types: tuple[str, ...]) -> None:
    """Reject unknown parameters where filters apply: a misspelt filter would silently select all visitors.

    Raises ClickyError.
    """
    if FILTERED_TYPES.isdisjoint(types):
        return
    for name, value in params.items():
        is_expected = name in PARAMETERS or name in IGNORED_PARAMETERS or find_filter(name)
        if value and not is_expected and not name.startswith("_") and not name.isdigit():
            filters = ", ".join([*FILTERS, "custom[key]"])
            raise ClickyError(f"Invalid filter: {name[:60]}. Use one of {filters}.")


def split_words(text: str) -> tuple[str, ...]:
    """Split a comma-separated list into distinct words in lower case."""
    return tuple(dict.fromkeys(word.strip().lower() for word in text.split(",") if word.strip()))


def parse_number(text: str, default: int, max_digits: int = 11) -> int:
    """Parse a non-negative integer of at most `max_digits` ASCII digits; anything else is the default."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= max_digits else default
