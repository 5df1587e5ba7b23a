"""Drivers of change: the sources, pages and countries that explain the change of visitors between two periods."""

from __future__ import annotations

from dataclasses import dataclass, field

from reports import change_drivers
from reports.dashboard.fragments import Fragment
from reports.dashboard.state import ReportState
from reports.formatting import format_short
from reports.labels import label_value
from reports.query import Query, Result
from reports.query.dimensions import get_dimension
from reports.query.metrics import METRICS

MAX_DRIVERS = 6


@dataclass(frozen=True, kw_only=True)
class ChangeDriver:
    """One value whose number of visitors changed."""

    kind: str
    name: str
    text: str  # +2,100
    mood: str
    words: str
    href: str


@dataclass(frozen=True)
class ChangeDrivers:
    """The largest changes. `is_placeholder`: empty until they are loaded; `failed`: why they cannot be computed."""

    rows: list[ChangeDriver] = field(default_factory=list)
    is_placeholder: bool = False
    failed: str = ""


def build_change_drivers_fragment(state: ReportState) -> Fragment[ChangeDrivers]:
    """Return the fragment of the largest changes since the period that the report is compared with."""

    queries: list[Query] = []

    def build_queries() -> list[Query]:
        where = state.build_filter()
        queries[:] = change_drivers.build_queries(
            state.site_ids, state.period, state.compare or "previous", state.now, where
        )
        return queries

    def build_change_drivers(results: list[Result]) -> ChangeDrivers:
        differences = change_drivers.build_differences(queries, results, state.now)
        return ChangeDrivers([build_driver(state, difference) for difference in differences[:MAX_DRIVERS]])

    return Fragment(build_queries, build_change_drivers, lambda reason: ChangeDrivers(failed=reason))


def build_driver(state: ReportState, difference: change_drivers.Difference) -> ChangeDriver:
    """Format one change and link to the report of its value."""
    dimension, metric = get_dimension(difference.dimension, ""), METRICS["visitors"]
    rose = difference.size > 0
    before, now = (format_short(count, metric, state.locale) for count in (difference.before, difference.now))
    return ChangeDriver(
        kind=dimension.label,
        name=label_value(dimension, difference.value),
        text=("+" if rose else "−") + format_short(abs(difference.size), metric, state.locale),
        mood="up" if rose else "down",
        words=f"{before} before, {now} now",
        href=state.with_filter(difference.dimension, difference.value).href(),
    )
