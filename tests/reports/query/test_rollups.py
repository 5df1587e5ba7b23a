"""Rollups equal events, in every time zone, however late an event comes; estimates are within their stated error."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from reports.query import Period, Query, Result, ask
from reports.query.dimensions import DIMENSIONS
from reports.query.rollups import read, schedule
from reports.query.rollups.build import build_days, delete_superseded
from reports.query.rollups.read import ROLLUP_AGGREGATES, VALUE_DIMENSIONS
from sites import site_cache
from sites.models import Site
from tests.support import event
from tests.support.turns import take_turns
from tests.support.types import Store
from tracking.event import Event
from tracking.store.corrections import get_local_table
from tracking.store.migrate import list_nodes

ZONES = ("UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia")
NOW = datetime(2026, 4, 8, 15, 20, tzinfo=UTC)  # three days after Lord Howe's clock went back
SUMS = (
    "visits", "views", "actions", "views_per_visit", "bounce_rate", "single_page_rate", "avg_duration",
    "total_duration", "avg_scroll", "engagement", "events",
)  # fmt: skip
PAGES = [f"/p{number}" for number in range(12)]
EVERYTHING = 10**12


@pytest.fixture
def always(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> LazySettings:
    """Rollups are used for any number of rows, and nobody else is inserting: a server's days need not settle first."""
    settings.ROLLUPS_ABOVE_ROWS = 0
    monkeypatch.setattr(read, "MAX_INSERT_DURATION", timedelta(0))
    return settings


def in_zone(site: Site, zone: str) -> Site:
    Site.objects.filter(pk=site.pk).update(timezone=zone)
    site_cache.forget()
    site_cache.refresh()
    site.refresh_from_db()
    return site


def traffic(site: Site | int, count: int = 400, seed: int = 1) -> Iterator[Event]:
    """Visits of the ten days before NOW, at any time of day, a few events each."""
    chance = random.Random(seed)
    for number in range(count):
        start = NOW - timedelta(seconds=chance.randrange(10 * 86400))
        common: dict[str, Any] = {
            "visitor": chance.randrange(count // 3), "visit": 10_000 * seed + number, "visit_start": start,
            "country": chance.choice(["DE", "EE", ""]), "source": chance.choice(["Google", ""]),
            "browser": chance.choice(["Firefox", "Chrome"]), "utm_campaign": chance.choice(["", "spring"]),
        }  # fmt: skip
        at = start
        for _ in range(chance.randint(1, 5)):
            kind = chance.choice(["view", "view", "event", "ping"])
            fields: dict[str, Any] = {"engaged": 7000, "scroll": chance.randrange(100)} if kind == "ping" else {}
            page = PAGES[min(int(chance.expovariate(0.5)), len(PAGES) - 1)]
            yield event(site, page, at=at, kind=kind, id=chance.randrange(2**53), **common, **fields)
            at += timedelta(seconds=chance.randrange(4000))


def asked(site: Site, settings: LazySettings, rolled: bool, **fields: Any) -> Result:
    settings.ROLLUPS_ABOVE_ROWS = 0 if rolled else EVERYTHING
    query = Query(sites=(site.pk,), period=fields.pop("period"), fill=False, limit=10_000, **fields)
    result = ask(query, now=NOW, cache=False)
    settings.ROLLUPS_ABOVE_ROWS = 0
    return result


def agree(site: Site, settings: LazySettings, **fields: Any) -> None:
    """The same answer from rollups and from events, and really from rollups."""
    ours, theirs = asked(site, settings, True, **fields), asked(site, settings, False, **fields)
    assert "rollups" in ours.meta.source and "rollups" not in theirs.meta.source
    assert ours.rows == theirs.rows
    assert ours.rows


@pytest.mark.parametrize("zone", take_turns(2, ZONES))
def test_rollups_equal_events_in_the_sites_time_zone(store: Store, site: Site, always: LazySettings, zone: str) -> None:
    site = in_zone(site, zone)
    store.insert_rows("events", traffic(site))
    assert schedule.build_outdated_days(NOW) >= 9
    week = Period.parse("7d", zone, NOW)
    agree(site, always, period=week, metrics=SUMS)
    for time in ("hour", "day", "week", "month", "weekday", "hour_of_day"):
        agree(site, always, period=week, metrics=SUMS, dimensions=(time,))
    for row in VALUE_DIMENSIONS:
        metrics = tuple(name for name in SUMS if row.family != "entry" or name != "events")
        if row.name == "page":
            metrics = ("views", "actions", "events", "bounce_rate", "single_page_rate", "engagement")
        if row.name in ("source", "country", "page", "entry_page", "exit_page", "utm_campaign"):
            agree(site, always, period=week, metrics=metrics, dimensions=(row.name,))
            agree(site, always, period=week, metrics=metrics, dimensions=("day", row.name))


@pytest.mark.parametrize("zone", take_turns(2, ZONES))
def test_totals_in_other_time_zones_come_from_quarters_of_an_hour(
    store: Store, site: Site, always: LazySettings, zone: str
) -> None:
    site = in_zone(site, "Asia/Kathmandu")
    store.insert_rows("events", traffic(site))
    schedule.build_outdated_days(NOW)
    week = Period.parse("7d", zone, NOW)
    agree(site, always, period=week, metrics=SUMS)
    agree(site, always, period=week, metrics=SUMS, dimensions=("hour",))
    agree(site, always, period=week, metrics=SUMS, dimensions=("day",))


def test_a_breakdown_in_another_time_zone_is_read_from_events(store: Store, site: Site, always: LazySettings) -> None:
    store.insert_rows("events", traffic(site))
    schedule.build_outdated_days(NOW)
    week = Period.parse("7d", "Asia/Kolkata", NOW)
    assert "rollups" not in asked(site, always, True, period=week, metrics=("views",), dimensions=("page",)).meta.source


def test_a_late_event_counts_at_once_and_its_day_is_built_again(store: Store, site: Site, always: LazySettings) -> None:
    store.insert_rows("events", traffic(site))
    schedule.build_outdated_days(NOW)
    assert schedule.build_outdated_days(NOW) == 0
    late = NOW - timedelta(days=3)
    store.insert_rows("events", [event(site, "/late", at=late, visit=77)])
    agree(site, always, period=Period.parse("7d", "UTC", NOW), metrics=SUMS, dimensions=("entry_page",))
    assert schedule.build_outdated_days(NOW) == 1
    agree(site, always, period=Period.parse("7d", "UTC", NOW), metrics=SUMS, dimensions=("entry_page",))


def test_an_event_after_midnight_changes_the_rollup_of_its_visits_first_day(
    store: Store, site: Site, always: LazySettings
) -> None:
    start = datetime(2026, 4, 3, 23, 50, tzinfo=UTC)
    store.insert_rows("events", [event(site, "/", at=start, visit=5)])
    schedule.build_outdated_days(NOW)
    day = Period.parse("2026-04-03", "UTC", NOW)
    assert asked(site, always, True, period=day, metrics=("bounce_rate",)).rows == [{"bounce_rate": 100.0}]
    after = start + timedelta(minutes=20)
    store.insert_rows("events", [event(site, "/next", at=after, visit=5, visit_start=start)])
    assert asked(site, always, True, period=day, metrics=("bounce_rate",)).rows == [{"bounce_rate": 0.0}]
    schedule.build_outdated_days(NOW)
    agree(site, always, period=day, metrics=("bounce_rate", "avg_duration", "visits"))


def test_after_a_change_of_time_zone_days_are_built_again(store: Store, site: Site, always: LazySettings) -> None:
    store.insert_rows("events", traffic(site))
    schedule.build_outdated_days(NOW)
    site = in_zone(site, "Pacific/Apia")
    week = Period.parse("7d", "Pacific/Apia", NOW)
    assert "rollups" not in asked(site, always, True, period=week, metrics=("views",), dimensions=("page",)).meta.source
    assert schedule.build_outdated_days(NOW) >= 9
    agree(site, always, period=week, metrics=("views",), dimensions=("page",))


def test_building_a_day_twice_counts_it_once_and_leaves_other_sites_alone(
    store: Store, site: Site, charlies_site: Site, always: LazySettings
) -> None:
    store.insert_rows("events", [*traffic(site), *traffic(charlies_site, seed=2)])
    schedule.build_outdated_days(NOW)
    before = asked(charlies_site, always, True, period=Period.parse("7d", "UTC", NOW), metrics=SUMS).rows
    day = (NOW - timedelta(days=2)).date()
    build_days(site.pk, site.timezone, day, day, schedule.next_build_number(), NOW)
    build_days(site.pk, site.timezone, day, day, schedule.next_build_number(), NOW)
    agree(site, always, period=Period.parse("7d", "UTC", NOW), metrics=SUMS)
    assert asked(charlies_site, always, True, period=Period.parse("7d", "UTC", NOW), metrics=SUMS).rows == before


def test_only_superseded_builds_are_deleted(store: Store, site: Site, always: LazySettings) -> None:

    store.insert_rows("events", traffic(site))
    schedule.build_outdated_days(NOW)
    rows = store.query("SELECT count() FROM rollup_days").rows[0][0]
    day = (NOW - timedelta(days=2)).date()
    build_days(site.pk, site.timezone, day, day, schedule.next_build_number(), NOW)
    assert store.query("SELECT count() FROM rollup_days").rows[0][0] > rows
    delete_superseded(datetime.now(UTC) + timedelta(minutes=1))
    for host in list_nodes():
        store.execute(f"OPTIMIZE TABLE {get_local_table('rollup_days')} FINAL", host=host)
    assert store.query("SELECT count() FROM rollup_days").rows[0][0] == rows
    agree(site, always, period=Period.parse("7d", "UTC", NOW), metrics=("views",), dimensions=("page",))


def test_today_is_never_rolled_up(store: Store, site: Site, always: LazySettings) -> None:
    store.insert_rows("events", traffic(site))
    schedule.build_outdated_days(NOW)
    days = {row[0] for row in store.query("SELECT DISTINCT day FROM rollup_builds").rows}
    assert max(days) == (NOW - timedelta(days=1)).date()


def test_the_top_pages_by_visitors_are_exact_without_counting_all(
    store: Store, site: Site, always: LazySettings
) -> None:
    store.insert_rows("events", traffic(site, 900))
    schedule.build_outdated_days(NOW)
    week = Period.parse("7d", "UTC", NOW)
    metrics = ("visitors", "views", "bounce_rate", "avg_duration")
    query = Query(sites=(site.pk,), period=week, metrics=metrics, dimensions=("page",), limit=3)
    from reports.query import top_pages

    most, top_pages.MAX_PAGES = top_pages.MAX_PAGES, 500
    ours = ask(query, now=NOW, cache=False)
    top_pages.MAX_PAGES = 0
    theirs = ask(query, now=NOW, cache=False)
    top_pages.MAX_PAGES = most
    assert ours.rows == theirs.rows
    assert len(ours.rows) == 3


def test_an_estimate_is_marked_and_within_its_error(store: Store, site: Site, always: LazySettings) -> None:
    always.ESTIMATES_ABOVE_ROWS = 0
    start = NOW - timedelta(days=5)
    store.execute(
        "INSERT INTO events (site_id, ts, id, kind, device, visit, visit_start, path) SELECT "
        f"{site.pk}, toDateTime64('{start:%Y-%m-%d %H:%M:%S}', 3, 'UTC') + number % 400000 AS at, number, 'view', "
        "intDiv(number, 3), number, at, '/' FROM numbers(180000)"
    )
    schedule.build_outdated_days(NOW)
    week = Period.parse("7d", "UTC", NOW)
    exact = Query(sites=(site.pk,), period=week, metrics=("visitors", "views"), exact=True)
    guess = ask(replace(exact, exact=False), now=NOW, cache=False)
    truth = ask(exact, now=NOW, cache=False)
    assert guess.meta.estimated == ("visitors",) and not guess.meta.exact and guess.meta.error > 0
    assert truth.meta.exact and truth.rows == [{"visitors": 60_000, "views": 180_000}]
    assert guess.rows[0]["views"] == 180_000
    assert abs(guess.rows[0]["visitors"] - 60_000) <= 60_000 * guess.meta.error
    by_day = ask(replace(exact, exact=False, dimensions=("day",)), now=NOW, cache=False)
    true_days = ask(replace(exact, dimensions=("day",)), now=NOW, cache=False)
    for ours, theirs in zip(by_day.rows, true_days.rows, strict=True):
        assert abs(ours["visitors"] - theirs["visitors"]) <= theirs["visitors"] * guess.meta.error * 2
        assert ours["views"] == theirs["views"]


def test_every_rollup_sum_has_a_column_and_every_rollup_dimension_exists() -> None:
    assert {aggregate.name for aggregate in ROLLUP_AGGREGATES} >= {"views", "entries", "bounces", "ms"}
    assert all(row.name in DIMENSIONS for row in VALUE_DIMENSIONS)
