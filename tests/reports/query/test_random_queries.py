"""Random queries about random events: the engine equals the naive engine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reports.query import Period, Query, ask
from reports.query.metrics import METRICS
from tests.support.mapped_goals import MappedGoals
from tests.support.naive_engine import events as naive
from tests.support.naive_engine import metrics as naive_metrics

pytestmark = pytest.mark.timeout(1200)  # a failing example is made smaller, for up to five minutes
# Half of the usual number, since `make test-heavy` has this file to itself with 300
EXAMPLES = settings().max_examples // (2 if settings.get_current_profile_name() == "quick" else 1)
SITES = itertools.count(900_000_001)
ZONES = ("UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia")
# Ordinary days, and days on which one of the zones changed its clock or dropped a day.
DAYS = (date(2026, 6, 15), date(2026, 3, 8), date(2026, 11, 1), date(2026, 4, 5), date(2026, 10, 4), date(2011, 12, 30))
PATHS = ("/", "/a", "/B%20c", "/ä'\"\\")
GOALS = {
    7: {"dimension": "page", "operator": "is", "value": "/a"},
    8: {"or": [
        {"dimension": "duration", "operator": "at_least", "value": 60},
        {"and": [{"dimension": "kind", "operator": "is", "value": ["goal"]},
                 {"dimension": "name", "operator": "is", "value": ["Buy", "8"]}]}]},
    9: {"and": [{"dimension": "scroll", "operator": "at_least", "value": 50},
                {"dimension": "page", "operator": "starts_with", "value": "/a"}]},
}  # fmt: skip
BREAKDOWNS = (
    "source", "channel", "referrer_domain", "utm_campaign", "page", "entry_page", "exit_page", "host", "title",
    "country", "city", "language", "device", "browser", "event", "outbound", "currency", "goal", "kind", "name",
    "person", "visit", "prop:plan", "tag:team", "hour", "hour_of_day", "weekday", "day", "week", "month",
)  # fmt: skip
WORTHS = {8: (Decimal("2.5"), "EUR"), 9: (Decimal(7), "")}


def words(*choices: str) -> st.SearchStrategy[str]:
    return st.sampled_from(choices)


def event_fields() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "kind": words("view", "view", "view", "event", "ping", "outbound", "goal", "click", "set", "form"),
            "path": words(*PATHS),
            "after": st.one_of(st.just(0), st.integers(0, 90_000), st.integers(0, 7_200_000)),
        },
        optional={
            "title": words("", "Home", "A"), "name": words("", "Buy", "sign up"), "host": words("example.com", "b.org"),
            "target": words("", "https://x.org/1"), "engaged": st.sampled_from([0, 900, 31_000, 90_000]),
            "scroll": st.integers(0, 100), "revenue": st.sampled_from(["9.9900", "-9.9900", "100.0000"]),
            "currency": words("", "EUR", "USD"), "source": words("", "Google"), "country": words("", "DE", "EE"),
            "city": words("", "Tartu"), "language": words("", "en-US"), "channel": words("Direct", "Social"),
            "browser": words("", "Firefox"), "device_type": words("Desktop", "Mobile"),
            "referrer_domain": words("", "t.co"), "utm_campaign": words("", "spring"),
            "props": st.dictionaries(words("plan", "x"), words("", "pro", "free"), max_size=2),
            "tags": st.dictionaries(words("team", "x"), words("", "red", "blue"), max_size=1),
        },
    )  # fmt: skip


def visit_strategy() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "device": st.integers(1, 3),
            "begins": st.integers(-30 * 3600, 60 * 3600),
            "person": words("", "", "ann"),
            "events": st.lists(event_fields(), min_size=1, max_size=6),
        }
    )


def build_events(site_id: int, day: date, zone: str, visits: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of generated visits, as they are stored."""
    midnight = naive.local_day(day, zone)
    result = []
    for number, visit in enumerate(visits, site_id * 1000):
        start = midnight + timedelta(seconds=visit["begins"])
        first = min(fields["after"] for fields in visit["events"])
        for index, fields in enumerate(visit["events"]):
            event = {name: value for name, value in fields.items() if name != "after"}
            event.update(
                site_id=site_id, id=number * 10 + index, visit=number, visit_start=start, person=visit["person"],
                device=site_id * 10 + visit["device"], ts=start + timedelta(milliseconds=fields["after"] - first),
            )  # fmt: skip
            result.append(event)
    return result


def leaf_strategy() -> st.SearchStrategy[Any]:
    def leaf(dimension: str, operators: tuple[str, ...], values: tuple[str, ...]) -> st.SearchStrategy[Any]:
        picked = st.lists(words(*values), min_size=1, max_size=2, unique=True)
        return st.builds(
            lambda operator, value: {"dimension": dimension, "operator": operator, "value": value},
            words(*operators), picked,
        )  # fmt: skip

    positive = ("is", "is_not", "contains", "not_contains", "starts_with", "ends_with")
    return st.one_of(
        leaf("page", positive, ("/a", "/B%20c", "/ä'\"\\")),
        leaf("entry_page", positive, ("/a", "/")),
        leaf("country", ("is", "is_not"), ("DE", "EE", "")),
        leaf("source", positive, ("Google", "goo")),
        leaf("event", ("is", "is_not"), ("Buy", "")),
        leaf("event", ("contains", "starts_with"), ("u", "B")),
        leaf("person", ("is", "is_not"), ("ann", "")),
        leaf("prop:plan", ("is", "is_not", "contains"), ("pro", "free")),
        leaf("tag:team", ("is", "is_not"), ("red",)),
        leaf("title", ("matches",), ("^H", "A$")),
        leaf("weekday", ("is", "is_not"), ("1", "7")),
        leaf("currency", ("is",), ("EUR",)),
        st.sampled_from([7, 8, 9]).map(lambda number: {"goal": number}),
        st.sampled_from([1, 30, 60]).map(
            lambda seconds: {"dimension": "duration", "operator": "at_least", "value": seconds}
        ),
        st.sampled_from([0, 50]).map(lambda reach: {"dimension": "scroll", "operator": "at_most", "value": reach}),
    )


FILTERS = st.one_of(
    st.none(),
    leaf_strategy(),
    st.recursive(
        leaf_strategy(),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"and": parts}),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"or": parts}),
            inner.map(lambda part: {"not": part}),
            inner.map(lambda part: {"visited": part}),
        ),
        max_leaves=4,
    ),
)


def same(ours: Any, theirs: Any, empty: Any) -> bool:
    if theirs is None:
        return bool(ours == empty)
    if isinstance(ours, Decimal) or isinstance(theirs, Decimal):
        return abs(Decimal(ours) - Decimal(theirs)) < Decimal("0.0002")
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9)


GOAL = st.sampled_from([7, 8, 9]).map(lambda number: {"goal": number})
GOALS_AND_MORE = st.builds(
    lambda goals, others: [*goals, *others],
    st.lists(st.one_of(GOAL, GOAL, st.lists(GOAL, min_size=2, max_size=2).map(lambda parts: {"or": parts})),
             min_size=1, max_size=2),
    st.lists(leaf_strategy(), max_size=2),
)  # fmt: skip


# The country of the visit's first event counts for its visitors, also for those who could have reached the goal.
VISIT_WITHOUT_THE_GOAL = {
    "visits": [
        {
            "begins": 2028, "device": 2, "person": "",
            "events": [
                {"after": 661, "kind": "set", "path": "/B%20c"},
                {"after": 67, "country": "EE", "kind": "view", "path": "/ä"},
            ],
        }
    ],
    "zone": "UTC", "day": date(2026, 11, 1), "days": 1, "dimensions": ["country"], "cut": 0,
    "where": [{"goal": 9}, {"dimension": "entry_page", "operator": "is_not", "value": ["/a", "/"]}],
}  # fmt: skip


def given_queries(filters: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A random question about random visits, with one of these filters."""
    return given(
        visits=st.lists(visit_strategy(), max_size=6),
        zone=words(*ZONES),
        day=st.sampled_from(DAYS),
        days=st.integers(1, 3),
        dimensions=st.lists(words(*BREAKDOWNS), max_size=2, unique=True),
        where=filters,
        cut=st.integers(0, 20),
    )


@pytest.mark.usefixtures("migrated_store")
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given_queries(FILTERS)
def test_the_engine_equals_the_naive_engine(migrated_store: None, **query: Any) -> None:
    agree(**query)


@pytest.mark.usefixtures("migrated_store")
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@example(**VISIT_WITHOUT_THE_GOAL)
@given_queries(GOALS_AND_MORE)
def test_the_engine_equals_the_naive_engine_with_goals_in_the_filter(migrated_store: None, **query: Any) -> None:
    agree(**query)


def agree(
    visits: list[dict[str, Any]], zone: str, day: date, days: int, dimensions: list[str], where: Any, cut: int
) -> None:
    from tracking import store

    site_id = next(SITES)
    if naive.local_day(day, zone) == naive.local_day(day + timedelta(days=days), zone):
        days += 1  # the day never was
    events = build_events(site_id, day, zone, visits)
    store.insert_rows("events", events[:cut])  # in two blocks, so that rows of visits have to be merged
    store.insert_rows("events", events[cut:])
    of_another_tenant = build_events(site_id + 10**8, day, zone, visits)
    store.insert_rows("events", of_another_tenant)  # which must not be counted
    period = Period.days(day, day + timedelta(days=days), zone)
    now = period.end - timedelta(hours=6)
    times = naive.TIMES & set(dimensions)
    metrics = tuple(name for name in naive_metrics.METRICS if not (name == "online" and times))
    query = Query(
        sites=(site_id,),
        period=period,
        metrics=metrics,
        dimensions=tuple(dimensions),
        where=where,
        limit=10_000,
        fill=False,
    )
    result = ask(query, now=now, source=MappedGoals(GOALS, {}, WORTHS))

    world = naive.World(events, period.start, period.end, ZoneInfo(zone), now.astimezone(UTC), GOALS, WORTHS)
    expected = naive_metrics.answer(world, metrics, tuple(dimensions), where)
    by_key = {tuple(row[name] for name in dimensions): row for row in result.rows}
    assert set(by_key) == set(expected)
    for key, row in expected.items():
        for metric, value in row.items():
            assert same(by_key[key][metric], value, METRICS[metric].empty), (key, metric, by_key[key][metric], value)


def test_the_time_zones_of_these_tests_include_a_skipped_day() -> None:
    assert naive.local_day(date(2011, 12, 30), "Pacific/Apia") == naive.local_day(date(2011, 12, 31), "Pacific/Apia")
    assert datetime(2011, 12, 29, tzinfo=ZoneInfo("Pacific/Apia")).astimezone(UTC).tzinfo is UTC
