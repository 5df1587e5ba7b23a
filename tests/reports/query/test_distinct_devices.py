"""Distinct visitors from rollups of devices equal those from events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from reports.query import Period, Query, Result, ask
from reports.query.rollups import schedule
from reports.query.rollups.devices import DEVICE_COLUMNS, EXPOSURES
from sites.models import Site
from tests.reports.query.test_rollups import NOW, in_zone, traffic
from tests.support import event
from tests.support.turns import take_turns
from tests.support.types import Store

ZONES = ("UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia")


@pytest.fixture
def rolled(store: Store, site: Site, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> LazySettings:
    """Rollups are used for any number of rows, however little they save."""
    settings.ROLLUPS_ABOVE_ROWS = 0
    monkeypatch.setattr("reports.query.planner.MIN_ROW_RATIO", 0)
    monkeypatch.setattr("reports.query.top_pages.MIN_ROW_RATIO", 0)
    monkeypatch.setattr("reports.query.rollups.devices.MIN_ROW_RATIO", 0)
    return settings


def asked(site: Site, settings: LazySettings, **fields: Any) -> tuple[Result, Result]:
    """The answer with rollups, and from events alone."""
    query = Query(
        sites=(site.pk,), period=fields.pop("period"), fill=False, limit=fields.pop("limit", 10_000), **fields
    )
    settings.ROLLUPS_ABOVE_ROWS = 0
    ours = ask(query, now=NOW, cache=False)
    settings.ROLLUPS_ABOVE_ROWS = 10**12
    theirs = ask(query, now=NOW, cache=False)
    settings.ROLLUPS_ABOVE_ROWS = 0
    return ours, theirs


def agree(site: Site, settings: LazySettings, *, only: bool = False, **fields: Any) -> None:
    ours, theirs = asked(site, settings, **fields)
    assert ours.rows == theirs.rows and ours.rows
    assert ours.meta.exact and "rollups" in ours.meta.source and "rollups" not in theirs.meta.source
    assert not only or ours.meta.source == "rollups"


@pytest.mark.parametrize("zone", take_turns(2, ZONES))
def test_visitors_from_rollups_equal_those_from_events_by_every_dimension(
    site: Site, rolled: LazySettings, zone: str
) -> None:
    from tracking import store

    site = in_zone(site, zone)
    names = ("Signup", "Play", "")
    store.insert_rows("events", [{**row, "name": names[n % 3]} for n, row in enumerate(traffic(site))])
    schedule.build_outdated_days(NOW)
    for text in ("7d", "2026-04-01..2026-04-06"):
        period, closed = Period.parse(text, zone, NOW), text != "7d"
        for name in ("source", "country", "browser", "utm_campaign", "device", "event", "page"):
            agree(site, rolled, period=period, metrics=("visitors",), dimensions=(name,), only=closed)
        for times in ((), ("day",), ("week",), ("month",), ("weekday",)):
            agree(site, rolled, period=period, metrics=("visitors",), dimensions=times, only=closed)
            agree(site, rolled, period=period, metrics=("visitors",), dimensions=(*times, "country"), only=closed)
        agree(site, rolled, period=period, metrics=("visitors", "events"), dimensions=("event",), only=closed)
        agree(site, rolled, period=period, metrics=("visitors", "views"), dimensions=("day", "page"))
        agree(site, rolled, period=period, metrics=("visitors", "visits", "views", "bounce_rate", "avg_duration"))
        agree(site, rolled, period=period, metrics=("visitors", "views"), dimensions=("page",), limit=3)
        agree(site, rolled, period=period, metrics=("visits", "visitors", "events"), dimensions=("event",))


def test_a_device_of_several_days_and_of_today_counts_once(site: Site, rolled: LazySettings) -> None:
    from tracking import store

    ago = [NOW - timedelta(days=days) for days in (3, 2, 0)]
    rows = [event(site, "/a", at=at, visitor="one", visit=n + 1, country="EE") for n, at in enumerate(ago)]
    store.insert_rows("events", [*rows, event(site, "/a", at=ago[1], visitor="two", visit=9, country="DE")])
    schedule.build_outdated_days(NOW)
    week = Period.parse("7d", "UTC", NOW)
    ours, _ = asked(site, rolled, period=week, metrics=("visitors",), dimensions=("country",))
    assert {row["country"]: row["visitors"] for row in ours.rows} == {"EE": 1, "DE": 1}
    agree(site, rolled, period=week, metrics=("visitors",))


def test_a_late_event_counts_at_once(site: Site, rolled: LazySettings) -> None:
    from tracking import store

    store.insert_rows("events", traffic(site))
    schedule.build_outdated_days(NOW)
    store.insert_rows("events", [event(site, "/late", at=NOW - timedelta(days=3), visitor="late", visit=77)])
    week = Period.parse("7d", "UTC", NOW)
    for _ in range(2):
        agree(site, rolled, period=week, metrics=("visitors", "views"), dimensions=("page",))
        agree(site, rolled, period=week, metrics=("visitors",), dimensions=("country",))
        schedule.build_outdated_days(NOW)


def test_persons_are_counted_from_events(site: Site, rolled: LazySettings) -> None:
    from tracking import store

    at = NOW - timedelta(days=3)
    for number, device in enumerate(("phone", "desk")):
        store.insert_rows("events", [event(site, "/a", at=at, visitor=device, visit=number + 1, person="ann")])
    schedule.build_outdated_days(NOW)
    ours, theirs = asked(site, rolled, period=Period.parse("7d", "UTC", NOW), metrics=("visitors",))
    assert ours.rows == theirs.rows == [{"visitors": 1}]


def test_days_built_without_devices_are_built_again(site: Site, rolled: LazySettings) -> None:
    from tracking import store

    store.insert_rows("events", traffic(site))
    built = schedule.build_outdated_days(NOW)
    store.execute(
        "INSERT INTO rollup_builds SELECT site_id, day, zone, build + 1, touched, built_at, map('page', 1) "
        "FROM rollup_builds FINAL"
    )
    week = Period.parse("7d", "UTC", NOW)
    assert "rollups" not in asked(site, rolled, period=week, metrics=("visitors",), dimensions=("os",))[0].meta.source
    assert schedule.build_outdated_days(NOW) == built
    agree(site, rolled, period=week, metrics=("visitors",), dimensions=("os",))


def test_every_dimension_of_device_rollups_is_a_column_of_events(site: Site, rolled: LazySettings) -> None:
    from tracking import store

    columns = {row["name"] for row in store.rows("DESCRIBE rollup_devices")}
    assert set(DEVICE_COLUMNS.values()) <= columns
    assert set(EXPOSURES) == {"page", "event"}
