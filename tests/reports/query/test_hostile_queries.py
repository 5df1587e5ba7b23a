"""Every possible query is answered or rejected with a message: all combinations, and hostile input."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from goals.predicates import Filter
from reports.query import Period, Query, QueryRefused, QueryStopped, ask
from reports.query.dimensions import DIMENSIONS
from reports.query.filters import OPERATORS
from reports.query.metrics import METRICS
from tests.support import empty_store, event
from tests.support.mapped_goals import MappedGoals
from tracking import store

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TODAY = Period.parse("today", "UTC", NOW)
SITE, STRANGER, ODD = 700_000_001, 700_000_002, 700_000_100
ALL = [*DIMENSIONS, "prop:plan", "tag:team"]
SOURCE = MappedGoals({3: {"dimension": "event", "operator": "is", "value": "Buy"}}, {})
SQL = "'; DROP TABLE events; --"
EXAMPLES = {"hour": "2026-03-02T11:00:00+00:00", "month": "2026-03", "day": "2026-03-02", "week": "2026-03-02"}


def sentence(refusal: QueryRefused) -> bool:
    return refusal.sentence[-1] in ".;" and len(refusal.sentence) > 20 and refusal.sentence[0] not in "'\""


@pytest.fixture(scope="module")
def traffic(migrated_store: None) -> Iterator[Any]:
    """A visit on each of two sites, for every test of this file: none of them may change those."""
    empty_store()
    for site in (SITE, STRANGER):
        store.insert_rows(
            "events",
            [
                event(site, "/a", at=NOW - timedelta(hours=1), country="DE", props={"plan": "pro"}, visit=site * 10),
                event(site, "/a", at=NOW, kind="event", name="Buy", revenue=9.99, currency="EUR", visit=site * 10,
                      visit_start=NOW - timedelta(hours=1)),
            ],
        )  # fmt: skip
    yield store
    empty_store()


def value_for(name: str) -> Any:
    row = DIMENSIONS.get(name)
    if row is not None and (row.number or row.family == "goal"):
        return 3
    return EXAMPLES.get(name, "1")


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_dimension_with_every_operator_is_answered_or_rejected(traffic: Any, operator: str) -> None:
    """Half of the dimensions under each operator, each time for another fourth of the metrics: every dimension meets
    every metric, under every other operator."""
    check_every_dimension(operator, halves=2, fourths=4)


@pytest.mark.heavy
@pytest.mark.parametrize("operator", OPERATORS)
def test_every_metric_by_every_dimension_with_every_operator_is_answered_or_rejected(
    traffic: Any, operator: str
) -> None:
    check_every_dimension(operator, halves=1, fourths=1)


def check_every_dimension(operator: str, halves: int, fourths: int) -> None:
    answered = 0
    for turn, name in enumerate(ALL, OPERATORS.index(operator)):
        number, other_half = divmod(turn, halves)
        if other_half:
            continue
        where: list[Filter] = [{"dimension": name, "operator": operator, "value": value_for(name)}]
        by = (name,) if name not in DIMENSIONS or DIMENSIONS[name].groupable else ()
        metrics = tuple(m for m in list(METRICS)[number % fourths :: fourths] if m != "online" or not by
                        or DIMENSIONS.get(name, None) is None or DIMENSIONS[name].family != "time")  # fmt: skip
        try:
            result = ask(
                Query(sites=(SITE,), period=TODAY, metrics=metrics, dimensions=by, where=where), now=NOW, source=SOURCE
            )
        except QueryRefused as refusal:
            assert sentence(refusal) and not isinstance(refusal, QueryStopped), refusal.sentence
        else:
            answered += 1
            assert all(set(row) == {*by, *metrics} for row in result.rows)
    numbers_only = operator.startswith("at_")
    assert answered > ((4 if numbers_only else 30) if halves == 1 else (1 if numbers_only else 15))


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_alone_is_answered_for_a_twelfth_of_the_dimensions(traffic: Any, metric: str) -> None:
    """Each dimension has its turn with a twelfth of the metrics; in company it met every metric above."""
    alone(metric, ALL[list(METRICS).index(metric) % 12 :: 12])


@pytest.mark.heavy
@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_alone_is_answered_for_every_dimension(traffic: Any, metric: str) -> None:
    alone(metric, ALL)


def alone(metric: str, dimensions: list[str]) -> None:
    for name in dimensions:
        try:
            result = ask(
                Query(sites=(SITE,), period=TODAY, metrics=(metric,), dimensions=(name,)), now=NOW, source=SOURCE
            )
        except QueryRefused as refusal:
            assert sentence(refusal)
            assert (name in DIMENSIONS and not DIMENSIONS[name].groupable) or metric == "online"
        else:
            assert all(set(row) == {name, metric} for row in result.rows)


def nested(depth: int) -> Any:
    tree: Any = {"dimension": "page", "operator": "is", "value": "/"}
    for _ in range(depth):
        tree = {"not": tree}
    return tree


def is_(dimension: Any, value: Any, operator: Any = "is") -> Filter:
    return {"dimension": dimension, "operator": operator, "value": value}


HOSTILE: dict[str, dict[str, Any]] = {
    "an unknown metric": {"metrics": ("visitors); DROP TABLE events",)},
    "a metric that is no text": {"metrics": (7,)},
    "too many metrics": {"metrics": tuple("visitors" for _ in range(10_000))},
    "no metric": {"metrics": ()},
    "metrics as text": {"metrics": "visitors"},
    "an unknown dimension": {"dimensions": (SQL,)},
    "a dimension with NUL": {"dimensions": ("prop:a\x00b",)},
    "a dimension with a surrogate": {"dimensions": ("prop:\ud800",)},
    "a property without a name": {"dimensions": ("prop:",)},
    "a property with a long name": {"dimensions": ("prop:" + "x" * 1000,)},
    "too many dimensions": {"dimensions": tuple(list(DIMENSIONS)[:9])},
    "an unknown filter dimension": {"where": is_(SQL, "x")},
    "an unknown operator": {"where": is_("page", "x", "is; DROP")},
    "an operator that is a list": {"where": is_("page", "x", ["is"])},
    "a filter that is text": {"where": SQL},
    "a filter that is a number": {"where": 7},
    "an empty group": {"where": {"and": []}},
    "a filter with two words": {"where": {"and": [nested(0)], "or": [nested(0)]}},
    "a filter with more": {"where": {**is_("page", "x"), "sql": SQL}},
    "a list of 10,000 values": {"where": is_("page", ["/"] * 10_000)},
    "a list of 10,000 filters": {"where": [nested(0)] * 10_000},
    "500 filters": {"where": [nested(0)] * 500},
    "deep nesting": {"where": nested(9)},
    "very deep nesting": {"where": nested(900)},
    "a NUL": {"where": is_("page", "a\x00b")},
    "a surrogate": {"where": is_("page", "\udfff")},
    "a novel": {"where": is_("page", "x" * 100_000)},
    "no value": {"where": {"dimension": "page", "operator": "is"}},
    "a value that is an object": {"where": is_("page", {"$ne": ""})},
    "an empty list of values": {"where": is_("page", [])},
    "contains nothing": {"where": is_("page", "", "contains")},
    "an operator for numbers on text": {"where": is_("page", "1", "at_least")},
    "text for a number": {"where": is_("duration", "long", "at_least")},
    "infinity": {"where": is_("duration", float("inf"), "at_least")},
    "not a number": {"where": is_("duration", float("nan"), "at_least")},
    "a goal by text": {"where": {"goal": "1 OR 1=1"}},
    "an unknown goal": {"where": {"goal": 99}},
    "an unknown segment": {"where": {"segment": 99}},
    "a bad day": {"where": is_("day", "yesterday")},
    "a bad hour": {"where": is_("hour", "2026-03-02T11:00:00")},
    "a bad expression": {"where": is_("page", "(", "matches")},
    "100 expressions": {"where": is_("page", ["a"] * 100, "matches")},
    "an order of something else": {"order": (("views", "desc"),)},
    "an order up": {"order": (("visitors", "up"),)},
    "an order that is text": {"order": "visitors"},
    "a negative limit": {"limit": -1},
    "no rows": {"limit": 0},
    "a limit that is text": {"limit": "10"},
    "a limit that is true": {"limit": True},
    "too large a limit": {"limit": 10**9},
    "a negative offset": {"offset": -1},
    "an unknown comparison": {"compare": "tomorrow"},
    "a search with NUL": {"dimensions": ("page",), "search": "a\x00"},
    "a search for nothing by nothing": {"search": "a"},
    "a search in time": {"dimensions": ("day",), "search": "a"},
    "no site": {"sites": ()},
    "a site that is text": {"sites": ("1 OR 1=1",)},
    "a negative site": {"sites": (-1,)},
    "a period that is text": {"period": "today"},
    "online by day": {"metrics": ("online",), "dimensions": ("day",)},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_invalid_queries_are_rejected_in_milliseconds_with_a_message(traffic: Any, what: str) -> None:
    began = time.thread_time()
    with pytest.raises(QueryRefused) as caught:
        ask(Query(**{"sites": (SITE,), "period": TODAY, **HOSTILE[what]}), now=NOW, source=SOURCE)
    assert time.thread_time() - began < 0.5  # of the processor
    assert sentence(caught.value), caught.value.sentence
    assert all(char.isprintable() for char in caught.value.sentence)
    assert caught.value.where or what == "very deep nesting"


@pytest.mark.parametrize(
    "text",
    ["0000-01-01..0000-12-31", "9999-01-01..9999-12-31", "2026-02-30", "2026-03-02..2026-03-01", "1969-12-31", "", "8d",
     "2026-03-01..", SQL, "٢٠٢٦-03-01", "today\x00"],
)  # fmt: skip
def test_an_invalid_period_is_rejected(text: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        Period.parse(text, "UTC", NOW)
    assert sentence(caught.value) and caught.value.where == "period"


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../../etc/passwd", SQL, "utc\x00", "localtime"])
def test_an_invalid_time_zone_is_rejected(zone: str) -> None:
    with pytest.raises(QueryRefused):
        Period.parse("today", zone, NOW)


STRINGS = [
    SQL,
    "\\",
    "'",
    '"',
    "`",
    "\t\n\r",
    "%",
    "{p0:String}",
    "{x}",
    "$$",
    "-- ",
    "/*",
    "🦶",
    "\\'",
    "a" * 2000,
    "\x7f",
]


@pytest.mark.parametrize(("number", "text"), [*enumerate(STRINGS)])
def test_any_text_is_only_a_bound_value(traffic: Any, number: int, text: str) -> None:
    site, page = ODD + number, text.replace(" ", "%20")  # as blanks of a page's address are stored
    traffic.insert_rows(
        "events", [event(site, page, at=NOW, props={text[:100]: text}, city=text, visit=4, visitor="odd")]
    )
    for where in (is_("page", text), is_("city", [text, "x"]), is_("page", text, "contains"),
                  is_("page", [text, "zz"], "starts_with")):  # fmt: skip
        rows = ask(
            Query(sites=(site,), period=TODAY, metrics=("views",), dimensions=("page",), where=where),
            now=NOW,
            source=SOURCE,
        ).rows
        assert rows == [{"page": page, "views": 1}]
    by_property = Query(sites=(site,), period=TODAY, metrics=("views",), dimensions=(f"prop:{text[:100]}",))
    assert ask(by_property, now=NOW, source=SOURCE).rows == [{f"prop:{text[:100]}": text, "views": 1}]
    left = traffic.query(f"SELECT count() FROM events WHERE site_id IN ({SITE}, {STRANGER}, {site})")
    assert left.rows[0][0] == 5


def test_no_query_sees_rows_of_another_site(traffic: Any) -> None:
    for name in ALL:
        if name in DIMENSIONS and not DIMENSIONS[name].groupable:
            continue
        rows = ask(
            Query(sites=(999_999_999,), period=TODAY, metrics=("views", "visits"), dimensions=(name,), fill=False),
            now=NOW,
            source=SOURCE,
        ).rows
        assert rows == []
    both = ask(
        Query(sites=(SITE, STRANGER), period=TODAY, metrics=("views",), dimensions=("site",)), now=NOW, source=SOURCE
    ).rows
    assert {row["site"]: row["views"] for row in both} == {str(SITE): 1, str(STRANGER): 1}


def test_a_query_that_exceeds_a_limit_is_stopped_with_a_message(traffic: Any, settings: Settings) -> None:
    for limits, word in (({"max_rows_to_read": 1}, "rows"), ({"max_memory_usage": 1000}, "memory")):
        settings.QUERY_LIMITS = limits
        with pytest.raises(QueryStopped) as caught:
            ask(
                Query(sites=(SITE,), period=TODAY, metrics=("visitors",), dimensions=("page",)),
                now=NOW,
                source=SOURCE,
                cache=False,
            )
        assert word in caught.value.sentence and sentence(caught.value)
