"""Unchanged data is not queried again, and no cached result is used after its data changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from reports.query import Period, Query, ask
from reports.query.rollups import schedule
from reports.query.rollups.build import build_days
from sites.models import Site
from tests.support import event, record
from tests.support.mapped_goals import MappedGoals
from tests.support.types import Store
from tracking import spool
from tracking.store import Selection, client, insert
from tracking.store.locks import write_lock

SITE = 1000
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NONE = MappedGoals({}, {})
Put = Callable[..., None]


def views(site: int = SITE, **fields: Any) -> Any:
    period = fields.pop("period", Period.parse("7d", "UTC", NOW))
    return ask(Query(sites=(site,), period=period, metrics=("views",), **fields), now=NOW, source=NONE)


def test_a_repeated_query_needs_one_statement(store: Store, statements: list[str]) -> None:
    store.insert_rows("events", [event(SITE, "/", at=NOW)])
    views()
    statements.clear()
    views(dimensions=("page",))
    assert len(statements) == 1 and "touched" not in statements[0]
    statements.clear()
    views(dimensions=("page",))
    assert statements == []


def test_an_insert_of_this_process_counts_in_the_next_query(store: Store) -> None:
    store.insert_rows("events", [event(SITE, "/", at=NOW)])
    assert views().rows == views().rows == [{"views": 1}]
    for number in range(2, 6):
        record(event(SITE, f"/{number}", at=NOW - timedelta(days=number)))
        assert (views().rows, views(dimensions=("page",)).rows[0]["views"]) == ([{"views": number}], 1)


def test_a_result_computed_during_an_insert_is_not_cached(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.insert_rows("events", [event(SITE, "/", at=NOW)])
    with write_lock.counting_change():
        assert not views().meta.cached
        assert not views().meta.cached
    assert not views().meta.cached
    assert views().meta.cached


def test_an_insert_of_another_process_counts_after_a_moment(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from reports.query import data_version

    class Server:
        embedded = False

    store.insert_rows("events", [event(SITE, "/", at=NOW)])
    monkeypatch.setattr(data_version, "get_target", lambda: Server)
    monkeypatch.setattr(data_version, "MAX_AGE_ON_SERVER", 0.05)
    views()
    unnoticed = write_lock.get_change_counts()
    monkeypatch.setattr(write_lock, "get_change_counts", lambda: unnoticed)
    store.insert_rows("events", [event(SITE, "/two", at=NOW)])
    import time

    time.sleep(0.06)
    assert views().rows == [{"views": 2}]
    assert not views().meta.cached  # so recent a change of another process may be half done
    monkeypatch.setattr(data_version, "MAX_INSERT_DURATION", timedelta())
    views()
    time.sleep(0.06)
    views()
    assert views().meta.cached


def test_a_result_computed_during_a_correction_is_not_cached(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracking.store import corrections

    record(event(SITE, "/a", at=NOW, visit=7), event(SITE, "/b", at=NOW, visit=8))
    seen: list[int] = []
    real = corrections.rebuild_derived_rows

    def looked_at(host: Any, job: int) -> None:
        seen.append(views().rows[0]["views"])
        real(host, job)

    monkeypatch.setattr(corrections, "rebuild_derived_rows", looked_at)
    assert views().rows == [{"views": 2}]
    visits = Query(sites=(SITE,), period=Period.parse("7d", "UTC", NOW), metrics=("visits", "views"))
    ask(visits, now=NOW, source=NONE)
    assert store.erase_events(Selection(SITE, {"visit": [7]})) == 1
    assert seen == [1] and views().rows == [{"views": 1}]
    assert ask(visits, now=NOW, source=NONE).rows == [{"visits": 1, "views": 1}]


def test_a_day_rolled_up_during_a_correction_is_built_again(
    store: Store, site: Site, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tracking.store import corrections

    settings.ROLLUPS_ABOVE_ROWS = 0
    at = NOW - timedelta(days=3)
    record(event(site, "/a", at=at, visit=7), event(site, "/b", at=at, visit=8, visitor="two"))
    real = corrections.delete_rows

    def built_before(host: Any, table: str, where: str, params: dict[str, Any]) -> None:
        if table == "events":
            # In another process: touched already says so, events do not
            build_days(site.pk, "UTC", at.date(), at.date(), schedule.next_build_number(), NOW)
        real(host, table, where, params)

    monkeypatch.setattr(corrections, "delete_rows", built_before)
    store.erase_events(Selection(site.pk, {"visit": [7]}))
    monkeypatch.setattr(corrections, "delete_rows", real)
    day = Period.days(at.date(), at.date() + timedelta(days=1), "UTC")
    assert views(site.pk, period=day).rows == [{"views": 1}]
    assert schedule.build_outdated_days(NOW) == 1
    found = ask(Query(sites=(site.pk,), period=day, metrics=("views",)), now=NOW, source=NONE, cache=False)
    assert (found.rows, found.meta.source) == ([{"views": 1}], "rollups")


def test_the_write_lock_knows_its_holder_and_counts_changes() -> None:
    before = write_lock.get_change_counts()
    with write_lock:
        with write_lock:
            assert write_lock.is_held_here() and write_lock.get_change_counts()[0] == before[0] + 2
        assert write_lock.is_held_here() and write_lock.get_change_counts()[0] != write_lock.get_change_counts()[1]
    assert not write_lock.is_held_here() and write_lock.get_change_counts()[0] == write_lock.get_change_counts()[1]
    assert all(vars(module)["write_lock"] is write_lock for module in (insert, client))


def test_a_goals_fixed_revenue_counts_each_time(store: Store) -> None:
    spool.flush()
    store.insert_rows("events", [
        event(SITE, "/sign-up", at=NOW, visit=1),
        event(SITE, "/sign-up", at=NOW + timedelta(seconds=1), visit=1),
        event(SITE, "/paid", at=NOW, visit=1, kind="event", name="Buy", revenue=40, currency="EUR"),
    ])  # fmt: skip
    goals = {
        1: {"dimension": "page", "operator": "is", "value": ["/sign-up"]},
        2: {"dimension": "event", "operator": "is", "value": ["Buy"]},
    }
    source = MappedGoals(goals, {}, {1: (Decimal("2.5"), ""), 2: (Decimal(9), "EUR")})
    period = Period.parse("7d", "UTC", NOW)

    def revenue(**fields: Any) -> Any:
        return ask(Query(sites=(SITE,), period=period, metrics=("revenue",), **fields), now=NOW, source=source).rows

    assert revenue() == [{"revenue": Decimal(45)}]  # the order, which is worth what it carries, and twice 2.50
    assert revenue(where={"goal": 1}) == [{"revenue": Decimal(5)}]
    assert revenue(where={"goal": 2}) == [{"revenue": Decimal(9)}]
    assert {row["goal"]: row["revenue"] for row in revenue(dimensions=("goal",))} == {1: Decimal(5), 2: Decimal(9)}
    assert ask(Query(sites=(SITE,), period=period, metrics=("revenue",)), now=NOW, source=NONE).rows == [
        {"revenue": Decimal(40)}
    ]
