"""Which tables the planner chooses, and which queries share a statement."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from reports.query import Period, merged_queries, planner
from reports.query.data_version import DataVersion
from reports.query.merged_queries import Planned
from reports.query.rollups.devices import SIZE_NAMES
from reports.query.rollups.read import PublishedDay
from tests.support.written_queries import (
    EVENTS,
    FIRST,
    choose_events,
    leaf,
    resolved,
)


@pytest.fixture(autouse=True)
def version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolving reads nothing: there are a million rows."""
    monkeypatch.setattr("reports.query.resolve.read_version", lambda context: DataVersion(number=(1, 1, 0), rows=10**6))


DAYS = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))


@pytest.fixture
def two_closed_days(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> None:
    """The first two of three days are rolled up, and hold few devices and pages beside a million events."""
    sizes = {**dict.fromkeys(SIZE_NAMES, 1_000), "source": 10, "page": 1_000}
    days = [
        PublishedDay(day=start.date(), start=start, end=start + timedelta(1), build=9, sizes=sizes)
        for start in (DAYS.start, DAYS.start + timedelta(1))
    ]
    settings.ROLLUPS_ABOVE_ROWS = 100_000
    settings.ESTIMATES_ABOVE_ROWS = 20_000_000
    monkeypatch.setattr(planner, "find_rollup_zone", lambda site_id: "UTC")
    monkeypatch.setattr("reports.query.planner.read.find_published_days", lambda *_: days)


def choice_of(metrics: str, *dimensions: str, **more: Any) -> dict[str, list[str]]:
    """The aggregates by the tables that the planner chooses for them."""
    choice = planner.choose_tables(resolved(metrics, *dimensions, **{"period": DAYS, **more}))
    tables = {"events": choice.from_events, "rollups": choice.summed, "devices": choice.by_devices,
              "estimates": choice.estimated}  # fmt: skip
    return {name: [aggregate.name for aggregate in aggregates] for name, aggregates in tables.items() if aggregates}


def test_sums_come_from_rollups_and_distinct_counts_from_devices(two_closed_days: None) -> None:
    assert choice_of("views visitors") == {"rollups": ["views"], "devices": ["visitors"]}
    assert choice_of("visits bounce_rate", "source") == {"rollups": ["entries", "bounces"]}
    assert choice_of("visitors", "page") == {"devices": ["visitors"]}


@pytest.mark.parametrize(
    ("metrics", "dimensions", "more"),
    [
        ("views", (), {"where": leaf("country", "is", "DE")}),
        ("views", ("source", "country"), {}),
        ("views", ("minute",), {"period": FIRST}),
        ("events", ("title",), {}),
        ("clickers", (), {}),
        ("views", ("source",), {"period": Period(DAYS.start, DAYS.end, "Asia/Kathmandu")}),
    ],
)  # fmt: skip
def test_what_rollups_do_not_have_comes_from_events(
    two_closed_days: None, metrics: str, dimensions: tuple[str, ...], more: dict[str, Any]
) -> None:
    assert list(choice_of(metrics, *dimensions, **more)) == ["events"]


def test_few_rows_are_read_from_events(two_closed_days: None, settings: LazySettings) -> None:
    settings.ROLLUPS_ABOVE_ROWS = 10**6 + 1
    assert choice_of("views") == {"events": ["views"]}


def test_only_distinct_counts_that_may_be_inexact_are_estimated(two_closed_days: None, settings: LazySettings) -> None:
    settings.ESTIMATES_ABOVE_ROWS = 0
    assert choice_of("views visitors") == {"rollups": ["views"], "estimates": ["visitors"]}
    assert choice_of("views visitors", exact=True) == {"rollups": ["views"], "devices": ["visitors"]}
    query = resolved("views visitors", period=DAYS)
    plan = planner.write_plan(query.context, query.group_by, planner.choose_tables(query))
    assert plan.estimated == {"visitors"} and plan.error > 0


def test_a_plan_adds_the_events_of_the_open_day_to_the_rollups_of_the_closed_ones(two_closed_days: None) -> None:
    query = resolved("views", period=DAYS)
    plan = planner.write_plan(query.context, query.group_by, planner.choose_tables(query))
    assert [str(subquery.select) for subquery in plan.subqueries] == [
        "SELECT sum(views) AS a_views FROM rollup_quarters WHERE site_id = 5 "
        "AND day >= '2026-03-01' AND day <= '2026-03-02' AND build = 9",
        "SELECT toUInt64(countIf(kind = 'view')) AS a_views FROM events WHERE site_id = 5 "
        "AND ts >= fromUnixTimestamp64Milli(1772496000000, 'UTC') "
        "AND ts < fromUnixTimestamp64Milli(1772582400000, 'UTC')",
    ]
    assert [subquery.source for subquery in plan.subqueries] == ["rollups", "events"]


def planned(metrics: str, *dimensions: str, **more: Any) -> Planned:
    query = resolved(metrics, *dimensions, **more)
    return Planned(query, choose_events(query))


def names(groups: list[list[Planned]]) -> list[list[str]]:
    return [["".join(each.query.dimensions) for each in group] for group in groups]


def test_queries_that_differ_in_their_dimension_share_a_statement_with_the_totals() -> None:
    queries = [planned("visitors", "country"), planned("visitors"), planned("visitors", "os")]
    (group,) = merged_queries.find_groups(queries)
    assert names([group]) == [["country", "os", ""]]
    assert str(merged_queries.merge(group).sql) == (
        "SELECT d0, d1, a_visitors AS m0 FROM (SELECT country AS k0, os AS k1, multiIf(grouping(k0) = 0, 0, "
        "grouping(k1) = 0, 1, 2) AS d0, concat(k0, k1, '') AS d1, toUInt64(uniqExact(device)) AS a_visitors "
        f"{EVENTS} GROUP BY GROUPING SETS ((k0), (k1), ())) WHERE (d0 = 0 AND (a_visitors != 0)) "
        "OR (d0 = 1 AND (a_visitors != 0)) OR d0 = 2 ORDER BY d0, m0 DESC NULLS LAST, d1 ASC LIMIT 100 BY d0"
    )


@pytest.mark.parametrize(
    "other",
    [
        {"where": leaf("country", "is", "DE")}, {"period": DAYS}, {"order": (("os", "asc"),)},
        {"values": ("Linux",)}, {"limit": 100_000},
    ],
)  # fmt: skip
def test_queries_that_differ_in_anything_else_do_not(other: dict[str, Any]) -> None:
    assert merged_queries.find_groups([planned("visitors", "country"), planned("visitors", "os", **other)]) == []


def test_rows_that_not_every_event_has_amounts_and_several_dimensions_are_not_merged() -> None:
    country = planned("visitors", "country")
    for other in (
        planned("visitors", "utm_campaign"), planned("visitors", "event"), planned("visitors", "os", "browser"),
        planned("revenue", "os"), planned("visitors", "day"),
    ):  # fmt: skip
        assert merged_queries.find_groups([country, other]) == []


def test_each_query_gets_its_own_rows_and_metrics_of_a_merged_statement() -> None:
    few = planned("visitors", "country", limit=1)
    group = [few, planned("visitors", "os"), planned("visitors views")]
    statement = merged_queries.merge(group)
    rows = [(0, "DE", 5, 8), (0, "EE", 3, 9), (1, "Linux", 7, 7), (2, "", 8, 17)]
    assert statement.split_rows(rows) == [
        [{"country": "DE", "visitors": 5}], [{"os": "Linux", "visitors": 7}], [{"visitors": 8, "views": 17}],
    ]  # fmt: skip
