"""What a request to the Stats API asks, read from its parameters; odd values fall back as Clicky's do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from accounts.keys import same_key
from reports.clicky.dates import Dates, parse
from reports.clicky.errors import ClickyError
from reports.clicky.filters import FILTERS, filters_of, is_filter
from reports.clicky.links import Links
from reports.engine import Period, Query, Result, ask
from reports.engine.period import zone_names
from sites import known
from sites.alerts.models import Delivery
from sites.facts import SiteFacts

DEFAULT_LIMIT = 50
MOST_ROWS = 1_000
MOST_PAGE = 10_000
MOST_TYPES = 40
LONGEST_DAYS = 31  # of lists, segmentation and hourly answers
LONGEST_TALLY = 750
MOST_OFFSET = 31 * 86_400
PARAMETERS = frozenset({
    "site_id", "sitekey", "sitekey_admin", "type", "date", "output", "limit", "page", "daily", "hourly", "item",
    "filter", "segments", "visitor-details", "visitor_details", "time_offset", "alert_id", "heatmap_url",
    "json_callback", "json_var", "null_values",
})  # fmt: skip
SENT_BESIDE = frozenset({
    "app", "callback", "cb", "cache", "nocache", "rand", "random", "timestamp", "ts", "t", "v", "version", "format",
    "auth", "username", "password", "csrfmiddlewaretoken",
})  # of clients, and against caches; they ask for nothing  # fmt: skip
LISTS_OF_PEOPLE = ("visitors-list", "actions-list")  # which obey the visitor filters
YES = {"1", "true", "yes", "on"}


@dataclass(frozen=True)
class Asked:
    """One request.

    `where`: the visitor filters, which lists and segmentation obey and plain types ignore. `last_seconds` belongs to
    lists alone: a tally asked for beside a list keeps counting the whole of its dates.
    """

    facts: SiteFacts
    now: datetime
    types: tuple[str, ...]
    dates: Dates
    links: Links
    last_seconds: int = 0  # of lists: only what happened so lately; 0 = everything of the dates
    limit: int = DEFAULT_LIMIT
    page: int = 1
    daily: bool = False
    hourly: bool = False
    item: str = ""
    filter: str = ""
    where: tuple[dict[str, Any], ...] = ()
    given: Mapping[str, str] = field(default_factory=dict)
    segmented: bool = False
    segments: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    nulls: bool = False
    heatmap: bool = False

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.limit

    @property
    def days(self) -> list[Dates]:
        """What gets a `dates` entry of its own."""
        return self.dates.each() if self.daily or self.hourly else [self.dates]

    def listed_days(self) -> list[Dates]:
        """What gets a `dates` entry of its own in a list."""
        return self.dates.each() if self.daily and not self.last_seconds else [self.dates]

    def listed_period(self, dates: Dates) -> Period:
        """The instants that a list covers: the dates, or only the last seconds up to now."""
        if not self.last_seconds:
            return dates.period()
        return Period(self.now - timedelta(seconds=self.last_seconds), self.now + timedelta(seconds=1), dates.zone)

    def ask(self, dates: Dates, metrics: tuple[str, ...], where: Any = (), **more: Any) -> Result:
        """A question to the engine about this site, under the segment's filters where there is one."""
        return self.ask_period(dates.period(), metrics, where, **more)

    def ask_period(self, period: Period, metrics: tuple[str, ...], where: Any = (), **more: Any) -> Result:
        conditions = [*where, *(self.where if self.segmented else ())]
        query = Query(sites=(self.facts.site_id,), period=period, metrics=metrics, where=conditions, **more)
        return ask(query, now=self.now)


def site_of(given: Mapping[str, str]) -> SiteFacts:
    """The site whose `sitekey` (or admin key) was shown. Raises ClickyError, the same for unknown sites."""
    number = given.get("site_id", "")
    facts = known.site(int(number)) if number.isascii() and number.isdigit() and len(number) < 19 else None
    key = given.get("sitekey") or given.get("sitekey_admin") or ""
    if facts is None or not (same_key(key, facts.sitekey) or same_key(key, facts.sitekey_admin)):
        raise ClickyError("Invalid sitekey.")
    return facts


def asked(facts: SiteFacts, given: Mapping[str, str], now: datetime, links: Links) -> Asked:
    """The request of an opened site. Raises ClickyError."""
    given = of_alert(facts, given)
    types = words(given.get("type", ""))
    if not types:
        raise ClickyError("No type specified.")
    if len(types) > MOST_TYPES:
        raise ClickyError(f"At most {MOST_TYPES} types per request.")
    check_names(given, types)
    zone = facts.timezone if facts.timezone in zone_names() else "UTC"
    limit = given.get("limit", "")
    return Asked(
        facts=facts,
        now=now,
        types=types,
        dates=parse(given.get("date") or "today", zone, now),
        links=links,
        last_seconds=min(number(given.get("time_offset", ""), 0), MOST_OFFSET),
        limit=MOST_ROWS if limit == "all" else min(number(limit, DEFAULT_LIMIT) or DEFAULT_LIMIT, MOST_ROWS),
        page=min(max(number(given.get("page", ""), 1), 1), MOST_PAGE),
        daily=flag(given, "daily"),
        hourly=flag(given, "hourly"),
        item=given.get("item", ""),
        filter=given.get("filter", ""),
        where=filters_of(facts, given),
        given=given,
        segmented="segmentation" in types,
        segments=words(given.get("segments", "")),
        details=words(given.get("visitor-details") or given.get("visitor_details") or ""),
        nulls=flag(given, "null_values"),
        heatmap=flag(given, "heatmap_url"),
    )


def of_alert(facts: SiteFacts, given: Mapping[str, str]) -> Mapping[str, str]:
    """An alert's number stands for a list of the one visit it was about, whenever that was."""
    told = given.get("alert_id", "").strip()
    if not told:
        return given
    try:
        alert = Delivery.objects.filter(pk=UUID(told), alert__site_id=facts.site_id).first()
    except ValueError:
        alert = None
    if alert is None:
        raise ClickyError("Invalid alert_id.")
    days = f"{alert.created - timedelta(days=2):%Y-%m-%d},{alert.created + timedelta(days=1):%Y-%m-%d}"
    session = alert.payload.get("session_id") or "0"
    return {**given, "type": "visitors-list", "session_id": session, "date": given.get("date") or days}


def check_names(given: Mapping[str, str], types: tuple[str, ...]) -> None:
    """Refuse a filter that nobody knows where filters count: it would seem to choose all. Raises ClickyError."""
    if not {*types} & {*LISTS_OF_PEOPLE, "segmentation"}:
        return
    for name, value in given.items():
        known_name = name in PARAMETERS or name in SENT_BESIDE or is_filter(name)
        if value and not known_name and not name.startswith("_") and not name.isdigit():
            filters = ", ".join([*FILTERS, "goal", "custom[key]"])
            raise ClickyError(f"Invalid filter: {name[:60]}. Use one of {filters}.")


def words(text: str) -> tuple[str, ...]:
    """The words of a comma list, without repetition."""
    return tuple(dict.fromkeys(word.strip().lower() for word in text.split(",") if word.strip()))


def number(text: str, default: int) -> int:
    """A whole number as sent; the default for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else default


def flag(given: Mapping[str, str], name: str) -> bool:
    return given.get(name, "").strip().lower() in YES
