"""Every dimension beside a naive evaluation: rows by it, or a filter on it where there are no rows by it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from reports.query import Period, Query, ask
from reports.query.dimensions import DIMENSIONS
from reports.query.metrics import METRICS
from tests.reports.query.test_random_queries import same
from tests.support import empty_store
from tests.support.mapped_goals import MappedGoals
from tests.support.naive_engine import events as naive
from tests.support.naive_engine import metrics as naive_metrics
from tests.support.turns import take_turns

SITE, ZONE = 900_500_001, "Asia/Kathmandu"
DAY = Period(datetime(2026, 6, 15, tzinfo=UTC), datetime(2026, 6, 16, tzinfo=UTC), ZONE)
NOW = DAY.end - timedelta(hours=1)
GOALS = {7: {"dimension": "kind", "operator": "is", "value": "form"}}
MEASURED = (*(name for name in naive_metrics.METRICS if name != "online"),)
OF_A_VISIT = {
    "source": ("", "Google"), "channel": ("Direct", "Social"), "referrer": ("", "https://t.co/x"),
    "referrer_domain": ("", "t.co"), "search_term": ("", "shoes"), "utm_source": ("", "letter"),
    "utm_medium": ("", "email"), "utm_campaign": ("", "spring"), "utm_content": ("", "top"), "utm_term": ("", "red"),
    "country": ("DE", "EE"), "region": ("", "Harju"), "city": ("", "Tallinn"), "language": ("", "en-US"),
    "device_type": ("Desktop", "Mobile"), "browser": ("", "Firefox"), "browser_version": ("", "140"),
    "os": ("", "Linux"), "os_version": ("", "6"), "screen": ("", "1920x1080"), "organization": ("", "Telia"),
    "ip": ("", "192.0.2.1"), "person": ("", "", "ann"), "link_id": (0, 3), "group_id": (0, 4), "click_id": (0, 5),
}  # fmt: skip
OF_AN_EVENT = {
    "kind": ("view", "view", "event", "outbound", "download", "form", "video", "click", "link", "pixel", "conversion",
             "conversion", "conversion", "refund"),
    "path": ("/", "/a"), "host": ("example.com", "b.org"), "title": ("", "Home"), "name": ("", "Buy"),
    "target": ("", "https://x.org/1"), "text": ("", "Press"), "currency": ("", "EUR"),
    "split_test": ("", "colour"), "split_arm": ("", "red"), "conversion_id": (0, 6), "is_unique": (0, 1),
    "destination": ("", "https://shop.test/"), "scroll": (0, 60), "engaged": (0, 31_000),
    "revenue": ("0.0000", "9.9900"),
}  # fmt: skip


def make_events(dice: random.Random) -> list[dict[str, Any]]:
    """Some dozens of visits of a day, each with some events."""
    made = []
    for visit in range(1, 40):
        start = DAY.start + timedelta(seconds=dice.randint(-3600, 86_000))
        shared: dict[str, Any] = {name: dice.choice(values) for name, values in OF_A_VISIT.items()}
        shared |= {"site_id": SITE, "visit": visit, "visit_start": start, "device": 100 + visit % 9,
                   "tags": dice.choice([{}, {"team": "red"}])}  # fmt: skip
        for number in range(dice.randint(1, 5)):
            own = {name: dice.choice(values) for name, values in OF_AN_EVENT.items()}
            at = start + timedelta(seconds=number * dice.randint(1, 400))
            made.append(
                {**shared, **own, "id": visit * 10 + number, "ts": at, "props": {"plan": dice.choice(["", "pro"])}}
            )
    return made  # fmt: skip


@pytest.fixture(scope="module")
def world(migrated_store: None) -> Iterator[naive.World]:
    from tracking import store

    empty_store()
    events = make_events(random.Random(7))
    store.insert_rows("events", events)
    yield naive.World(events, DAY.start, DAY.end, ZoneInfo(ZONE), NOW, GOALS)
    empty_store()


def agree(world: naive.World, dimensions: tuple[str, ...], where: Any = None) -> None:
    query = Query(
        sites=(SITE,), period=DAY, metrics=MEASURED, dimensions=dimensions, where=where, limit=10_000, fill=False
    )
    rows = ask(query, now=NOW, source=MappedGoals(GOALS, {}), cache=False).rows
    expected = naive_metrics.answer(world, MEASURED, dimensions, where)
    by_key = {tuple(row[name] for name in dimensions): row for row in rows}
    assert set(by_key) == set(expected)
    assert expected
    for key, row in expected.items():
        for metric, value in row.items():
            assert same(by_key[key][metric], value, METRICS[metric].empty), (key, metric, by_key[key][metric], value)


@pytest.mark.parametrize(
    "name", take_turns(2, ["prop:plan", *(name for name, row in DIMENSIONS.items() if row.groupable), "tag:team"])
)
def test_rows_by_a_dimension_are_what_plain_python_counts(world: naive.World, name: str) -> None:
    agree(world, (name,))


@pytest.mark.parametrize("name", [name for name, row in DIMENSIONS.items() if not row.groupable])
def test_a_filter_on_a_measure_selects_what_plain_python_selects(world: naive.World, name: str) -> None:
    value = {"any_tag": "red", "scroll": 50, "amount": 5, "duration": 30, "visit_views": 2, "visit_actions": 2}[name]
    operator = "contains" if name == "any_tag" else "at_least"
    where = [{"dimension": name, "operator": operator, "value": value}]
    agree(world, ("country",), where)
    agree(world, ("country",), [{"not": where[0]}])
