"""The figures of many sites at once: traffic, revenue, uptime and alerts, in a number of statements that does not
depend on how many sites there are.

All sites are measured by the same days, those of one time zone, so that their figures compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from reports.agency.goal_source import load_joined_goals
from reports.query import Period, Query, Result, ask_many
from reports.query.errors import QueryRefused
from reports.query.model import MAX_ROWS, MAX_SITES, Row
from reports.query.periods import find_comparison_period
from sites.alerts.models import Alert
from sites.uptime.history import measure_watched_time
from sites.uptime.models import Monitor, MonitorState

ALERT_HOURS = timedelta(hours=24)
LAST_HIT_DAYS = timedelta(days=90)


@dataclass(frozen=True, kw_only=True)
class Revenue:
    """The amount of a site in the currency in which most was earned. `others`: it has amounts in others as well."""

    amount: Decimal = Decimal(0)
    currency: str = ""
    others: bool = False


@dataclass(frozen=True, kw_only=True)
class SiteFigures:
    """The figures of a site in a period. `uptime` in percent of the watched time, None where nothing is watched.

    `alerts`: how many of its alerts notified in the last 24 hours. `down`: a monitor is down now.
    """

    visitors: int = 0
    visitors_before: int = 0
    conversions: int = 0
    revenue: Revenue = field(default_factory=Revenue)
    last_event: datetime | None = None
    uptime: float | None = None
    down: bool = False
    alerts: int = 0

    @property
    def change(self) -> float | None:
        """The change of the visitors in percent; None where there were none before."""
        before = self.visitors_before
        return 100 * (self.visitors - before) / before if before else None


@dataclass(frozen=True, kw_only=True)
class TrafficFigures:
    """What the event store answers. `error`: the relative error of estimated visitors, 0 where they are exact."""

    now: dict[int, Row]
    before: dict[int, Row]
    revenue: dict[int, Revenue]
    last_events: dict[int, datetime]
    error: float


@dataclass(frozen=True, kw_only=True)
class FigureTable:
    """Figures by site. `error` as in TrafficFigures; `has_traffic` is False where the event store did not answer."""

    figures: dict[int, SiteFigures]
    error: float = 0
    has_traffic: bool = True


def load_figures(site_ids: Sequence[int], period: Period, now: datetime, traffic: TrafficFigures | None) -> FigureTable:
    """Load the figures of sites; `traffic` is None if the event store did not answer."""
    uptime, down = load_uptime(site_ids, period, now)
    alerts = count_alerts(site_ids, now)
    figures = {
        site_id: build_figures(site_id, traffic, uptime.get(site_id), site_id in down, alerts.get(site_id, 0))
        for site_id in site_ids
    }
    return FigureTable(figures=figures, error=traffic.error if traffic else 0, has_traffic=traffic is not None)


def build_figures(
    site_id: int, traffic: TrafficFigures | None, uptime: float | None, down: bool, alerts: int
) -> SiteFigures:
    """Build the figures of one site."""
    if traffic is None:
        return SiteFigures(uptime=uptime, down=down, alerts=alerts)
    row = traffic.now.get(site_id, {})
    return SiteFigures(
        visitors=int(row.get("visitors") or 0),
        visitors_before=int(traffic.before.get(site_id, {}).get("visitors") or 0),
        conversions=int(row.get("conversions") or 0),
        revenue=traffic.revenue.get(site_id, Revenue()),
        last_event=traffic.last_events.get(site_id),
        uptime=uptime,
        down=down,
        alerts=alerts,
    )


def load_traffic(site_ids: Sequence[int], period: Period, now: datetime) -> TrafficFigures:
    """Load what the event store knows of sites. Raises QueryRefused, StoreError."""
    sites = tuple(site_ids)
    before = find_comparison_period(period, "previous", now)
    today = now.astimezone(period.info).date()
    since = Period.days(today - LAST_HIT_DAYS, today + timedelta(days=1), period.zone)
    by_site, limit = ("site",), min(MAX_ROWS, MAX_SITES)
    queries = [
        Query(sites=sites, period=period, metrics=("visitors", "conversions"), dimensions=by_site, limit=limit),
        Query(sites=sites, period=before, metrics=("visitors",), dimensions=by_site, limit=limit),
        Query(sites=sites, period=period, metrics=("revenue",), dimensions=("site", "currency"), limit=MAX_ROWS),
        Query(sites=sites, period=since, metrics=("last_hit",), dimensions=by_site, limit=limit),
    ]
    results: list[Result] = []
    for answer in ask_many(queries, now=now, source=load_joined_goals(sites)):
        if isinstance(answer, QueryRefused):
            raise answer
        results.append(answer)
    current, earlier, amounts, latest = results
    return TrafficFigures(
        now=index_by_site(current),
        before=index_by_site(earlier),
        revenue=choose_revenue(amounts.rows),
        last_events={
            site_id: datetime.fromtimestamp(row["last_hit"], UTC)
            for site_id, row in index_by_site(latest).items()
            if row["last_hit"]
        },
        error=current.meta.error if "visitors" in current.meta.estimated else 0,
    )


def index_by_site(result: Result) -> dict[int, Row]:
    """Return the rows by the number of their site."""
    return {int(row["site"]): row for row in result.rows}


def choose_revenue(rows: Sequence[Row]) -> dict[int, Revenue]:
    """Return, for each site with revenue, the largest amount of its rows by currency."""
    amounts: dict[int, list[tuple[Decimal, str]]] = {}
    for row in rows:
        if row["revenue"]:
            amount = (Decimal(str(row["revenue"])), str(row["currency"]))
            amounts.setdefault(int(row["site"]), []).append(amount)
    largest = {site_id: max(pairs, key=lambda pair: (abs(pair[0]), pair[1])) for site_id, pairs in amounts.items()}
    return {
        site_id: Revenue(amount=amount, currency=currency, others=len(amounts[site_id]) > 1)
        for site_id, (amount, currency) in largest.items()
    }


def load_uptime(site_ids: Sequence[int], period: Period, now: datetime) -> tuple[dict[int, float], set[int]]:
    """Load the uptime of the sites that are watched, over all of their monitors, and which of them are down now."""
    monitors = list(Monitor.objects.filter(site_id__in=site_ids).only("site", "enabled", "state"))
    start, end = period.start, min(period.end, now)
    measured = measure_watched_time(monitors, start, end) if monitors and start < end else {}
    watched: dict[int, float] = {}
    down: dict[int, float] = {}
    for monitor in monitors:
        seconds, seconds_down = measured.get(monitor.pk, (0.0, 0.0))
        watched[monitor.site_id] = watched.get(monitor.site_id, 0) + seconds
        down[monitor.site_id] = down.get(monitor.site_id, 0) + seconds_down
    uptime = {site_id: 100 * (1 - down[site_id] / seconds) for site_id, seconds in watched.items() if seconds}
    return uptime, {row.site_id for row in monitors if row.enabled and row.state == MonitorState.DOWN}


def count_alerts(site_ids: Sequence[int], now: datetime) -> dict[int, int]:
    """Count the alerts of each site that notified in the last 24 hours."""
    rows = Alert.objects.filter(site_id__in=site_ids, last_fired__gt=now - ALERT_HOURS)
    counts: dict[int, int] = {}
    for site_id in rows.values_list("site_id", flat=True):
        counts[site_id] = counts.get(site_id, 0) + 1
    return counts
