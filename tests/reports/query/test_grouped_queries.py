"""Queries executed together give the same results as single queries."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db.backends.utils import CursorWrapper

from goals.models import Goal
from reports.query import Period, Query, QueryRefused, Result, ask, ask_many
from reports.query.dimensions import DIMENSIONS
from reports.query.metrics import METRICS
from reports.query.result_cache import RESULTS
from reports.query.rollups.build import build_days
from sites.models import Site
from tests.reports.query.test_rollups import NOW, traffic
from tests.support import empty_store, event
from tests.support.mapped_goals import MappedGoals
from tracking.store import StoreError
from tracking.store.target import get_target

GOALS = MappedGoals({7: {"dimension": "event", "operator": "is", "value": "Signup"}}, {})
# Minutes are of a day at most
BY = (*(name for name, row in DIMENSIONS.items() if row.groupable and name != "minute"), "prop:plan", "tag:team")
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "a filter of visits": {"where": {"dimension": "country", "operator": "is", "value": "DE"}},
    "a filter of events": {"where": {"dimension": "page", "operator": "is", "value": ["/p0", "/p1"]}},
    "a goal": {"where": {"goal": 7}},
    "another goal": {"where": [{"goal": 7}, {"dimension": "browser", "operator": "is", "value": "Chrome"}]},
    "a comparison": {"compare": "previous"},
    "both": {"compare": "weekday", "where": {"dimension": "os", "operator": "is", "value": "Play"}},
    "totals": {"totals": True},
    "few rows": {"limit": 2},
    "a later page": {"limit": 2, "offset": 1},
    "upwards": {"order": (("visitors", "asc"),), "limit": 3},
    "a comparison of few": {"compare": "previous", "limit": 2, "totals": True},
}  # fmt: skip

SINGLE = ("visits", "views", "actions", "bounce_rate", "events", "new_visitors", "clickers", "conversions")
REST = [name for name in METRICS if name not in ("visitors", "online", *SINGLE)]
BUNDLES = [*((name,) for name in SINGLE), *(tuple(REST[at : at + 8]) for at in range(0, len(REST), 8))]


SITE, STRANGER, ZONE = 800_000_001, 800_000_002, "Asia/Kathmandu"
WEEK = Period.parse("7d", ZONE, NOW)


@pytest.fixture(scope="module")
def world(migrated_store: None) -> Iterator[None]:
    """Ten days of traffic, rolled up, and a stranger's: for every test of this file, none of which changes it."""
    from tracking import store

    empty_store()
    names = ("Signup", "Play", "")
    told = [
        {**row, "name": names[n % 3], "props": {"plan": names[n % 2]}, "os": names[n % 3], "city": names[n % 2]}
        for n, row in enumerate(traffic(SITE, 150))
    ]
    store.insert_rows("events", told)
    store.insert_rows("events", [event(STRANGER, "/secret", at=NOW, country="XX", source="Spy", visit=7)])
    last = WEEK.last_day - timedelta(days=1)
    build_days(SITE, ZONE, last - timedelta(days=7), last, 1, NOW)
    yield
    empty_store()


@pytest.fixture
def rolled(world: None, db: None, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> LazySettings:
    """Rollups are used however little they save."""
    monkeypatch.setattr("reports.query.planner.MIN_ROW_RATIO", 0)
    monkeypatch.setattr("reports.query.top_pages.MIN_ROW_RATIO", 0)
    monkeypatch.setattr("reports.query.rollups.devices.MIN_ROW_RATIO", 0)
    monkeypatch.setattr("reports.query.planner.find_rollup_zone", lambda _: ZONE)
    settings.ROLLUPS_ABOVE_ROWS = 0
    RESULTS.clear()
    return settings


def question(*dimensions: str, metrics: tuple[str, ...] = ("visitors",), **more: Any) -> Query:
    return Query(sites=(SITE,), period=WEEK, metrics=metrics, dimensions=dimensions, **more)


def bare(answer: Result | QueryRefused) -> Any:
    """All of an answer that is about the data."""
    if isinstance(answer, QueryRefused):
        return (type(answer), answer.sentence, answer.where)
    meta = answer.meta
    told = replace(meta, seconds=0.0, rows_read=0, bytes_read=0, cached=False)
    return (answer.rows, answer.totals, answer.comparison, told)


def alone(query: Query, **more: Any) -> Any:
    try:
        return bare(ask(query, now=NOW, cache=False, **more))
    except QueryRefused as refusal:
        return bare(refusal)


def agree(queries: list[Query], **more: Any) -> list[Result | QueryRefused]:
    answers = ask_many(queries, now=NOW, cache=False, **more)
    assert len(answers) == len(queries)
    for query, answer in zip(queries, answers, strict=True):
        assert bare(answer) == alone(query, **more), query
    return answers


@pytest.mark.parametrize("rollups_above", [0, 10**12], ids=["rollups", "events"])
@pytest.mark.parametrize("way", WAYS)
def test_visitors_by_a_sixth_of_the_dimensions_equal_single_queries(
    rolled: LazySettings, way: str, rollups_above: int
) -> None:
    rolled.ROLLUPS_ABOVE_ROWS = rollups_above
    answers = agree([question(name, **WAYS[way]) for name in BY[list(WAYS).index(way) % 6 :: 6]], source=GOALS)
    assert sum(isinstance(answer, Result) and bool(answer.rows) for answer in answers) > 1


@pytest.mark.heavy
@pytest.mark.parametrize("rollups_above", [0, 10**12], ids=["rollups", "events"])
@pytest.mark.parametrize("way", WAYS)
def test_visitors_by_every_dimension_equal_single_queries(rolled: LazySettings, way: str, rollups_above: int) -> None:
    rolled.ROLLUPS_ABOVE_ROWS = rollups_above
    answers = agree([question(name, **WAYS[way]) for name in BY], source=GOALS)
    assert sum(isinstance(answer, Result) and bool(answer.rows) for answer in answers) > 15


SOME = ("source", "country", "browser", "page", "entry_page", "exit_page", "event", "day", "os", "city")


@pytest.mark.parametrize("rollups_above", [0, 10**12], ids=["rollups", "events"])
@pytest.mark.parametrize("metrics", BUNDLES, ids=lambda names: names[0])
def test_other_metrics_by_a_fifth_of_the_dimensions_equal_single_queries(
    rolled: LazySettings, metrics: tuple[str, ...], rollups_above: int
) -> None:
    rolled.ROLLUPS_ABOVE_ROWS = rollups_above
    agree_by(SOME[BUNDLES.index(metrics) % 5 :: 5], metrics)


@pytest.mark.heavy
@pytest.mark.parametrize("rollups_above", [0, 10**12], ids=["rollups", "events"])
@pytest.mark.parametrize("metrics", BUNDLES, ids=lambda names: names[0])
def test_other_metrics_equal_single_queries(rolled: LazySettings, metrics: tuple[str, ...], rollups_above: int) -> None:
    rolled.ROLLUPS_ABOVE_ROWS = rollups_above
    agree_by(SOME, metrics)


def agree_by(some: tuple[str, ...], metrics: tuple[str, ...]) -> None:
    queries = [question(name, metrics=(*metrics, "visitors"), limit=5) for name in some]
    queries += [replace(query, metrics=metrics) for query in queries[:6]]
    agree([*queries, question(metrics=metrics), question(metrics=("online",))], source=GOALS)


def test_a_rejected_query_is_returned_in_its_place_and_affects_no_other(rolled: LazySettings) -> None:
    good = question("country")
    absent = replace(good, where={"goal": 12345})
    pattern = replace(good, where={"dimension": "country", "operator": "matches", "value": "("})
    answers = agree([good, absent, good, pattern, replace(good, dimensions=("source",))])
    assert [isinstance(answer, QueryRefused) for answer in answers] == [False, True, False, True, False]


def test_no_queries_give_no_results() -> None:
    assert ask_many([], now=NOW) == []


def test_results_of_batches_and_single_queries_share_the_cache(rolled: LazySettings) -> None:
    queries = [question(name) for name in ("country", "source", "page")]
    assert ask(queries[0], now=NOW).rows
    first = ask_many(queries, now=NOW)
    assert [answer.meta.cached for answer in first if isinstance(answer, Result)] == [True, False, False]
    assert all(ask(query, now=NOW).meta.cached for query in queries)
    again = ask_many(queries, now=NOW)
    assert [bare(answer) for answer in again] == [alone(query) for query in queries]
    assert all(isinstance(answer, Result) and answer.meta.cached for answer in again)


def test_only_the_calling_thread_uses_djangos_database(
    rolled: LazySettings, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    Goal.objects.create(site=site, name="Sign up", kind="event", pattern="Signup")
    askers: set[int] = set()
    real = CursorWrapper.execute

    def execute(self: CursorWrapper, *more: Any) -> Any:
        askers.add(threading.get_ident())
        return real(self, *more)

    monkeypatch.setattr(CursorWrapper, "execute", execute)
    names = ("country", "source", "goal", "browser")
    own = [replace(question(name, metrics=("visitors", "conversions")), sites=(site.pk,)) for name in names]
    ask_many(own, now=NOW, cache=False)
    assert askers == {threading.get_ident()}


def test_a_store_error_is_raised_as_such(rolled: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracking import store

    queries = [question(name) for name in ("country", "source", "page")]
    ask_many(queries, now=NOW, cache=False)

    def away(*_: Any, **__: Any) -> None:
        raise StoreError("The event store does not answer.")

    monkeypatch.setattr(store, "query", away)
    with pytest.raises(StoreError, match="does not answer"):
        ask_many(queries, now=NOW, cache=False)


def test_data_of_another_site_is_never_returned(rolled: LazySettings) -> None:
    for answer in agree([question(name) for name in ("country", "source", "page")]):
        assert isinstance(answer, Result)
        assert not {"XX", "Spy", "/secret"} & {value for row in answer.rows for value in row.values()}


@pytest.mark.parametrize("rollups_above", [0, 10**12], ids=["rollups", "events"])
def test_queries_that_differ_by_one_dimension_are_one_statement(
    rolled: LazySettings, rollups_above: int, statements: list[str]
) -> None:
    rolled.ROLLUPS_ABOVE_ROWS = rollups_above
    names = ("country", "source", "browser", "os", "device")
    queries = [question(name, limit=9) for name in names]
    queries += [question(), question("country", limit=3), question("source", metrics=("visitors",), limit=9)]
    answers = agree_in_one(queries, statements)
    assert [len(answer.rows) for answer in answers] == [3, 2, 2, 3, 1, 1, 3, 2]


def agree_in_one(queries: list[Query], asked: list[str]) -> list[Result]:
    ask_many(queries, now=NOW, cache=False)  # what is remembered of the data is read before
    asked.clear()
    answers = [answer for answer in ask_many(queries, now=NOW, cache=False) if isinstance(answer, Result)]
    assert len(asked) == 1
    assert [bare(answer) for answer in answers] == [alone(query) for query in queries]
    return answers


def test_an_empty_period_gives_empty_results(rolled: LazySettings) -> None:
    long_ago = Period.parse("2001-01-01..2001-01-07", ZONE, NOW)
    queries = [replace(question(*by), period=long_ago) for by in ((), ("country",), ("source",), ("day",))]
    answers = agree(queries)
    assert [answer.rows for answer in answers[:3] if isinstance(answer, Result)] == [[{"visitors": 0}], [], []]


def test_parallel_statements_share_the_cores_and_later_ones_do_not(
    rolled: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tracking import store

    asked: list[int] = []
    real = store.query

    def query(sql: str, *more: Any, settings: Any = None, **named: Any) -> Any:
        asked.append((settings or {}).get("max_threads", 0))
        return real(sql, *more, settings=settings, **named)

    ask_many([question("day"), question("page")], now=NOW, cache=False)
    monkeypatch.setattr(store, "query", query)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    ask_many([question("day"), question("page")], now=NOW, cache=False)
    ask_many([question("day")], now=NOW, cache=False)
    ask(question("day"), now=NOW, cache=False)
    whole = {0} if not get_target().embedded else {4}
    assert set(asked[:-2]) == whole and asked[-2:] == [0, 0]
