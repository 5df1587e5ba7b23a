"""A filter evaluated on one event in memory gives the same result as in the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from goals.services import goal_create, segment_create
from reports.query import Period, QueryRefused, filters
from reports.query.analyses import visit_lists
from reports.query.dimensions import DIMENSIONS, Dimension, get_dimension
from reports.query.evaluate import LIVE_VISIT_DIMENSIONS, check_evaluable, find_text, satisfies
from reports.query.filters import list_operators
from reports.query.references import ReferenceResolver, StoredGoals
from sites.models import Site
from tests.support import event, insert_recorded, record
from tests.support.turns import list_turns
from tests.support.types import Store
from tracking.event import Event

pytestmark = pytest.mark.django_db
ZONE = "Asia/Kolkata"  # half an hour beside the hours of UTC
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KINDS = ("view", "event", "click", "outbound", "download", "form", "video", "goal", "conversion", "link", "pixel")
ROWS = [*DIMENSIONS.values(), get_dimension("prop:Color", "")]
OF_EVENTS = [row for row in ROWS if row.event or row.family == "time"]


@pytest.fixture
def events(site: Site, store: Store) -> list[Event]:
    full: dict[str, Any] = {
        "title": "Über Us", "source": "Google", "channel": "Organic Search", "referrer": "https://www.google.com/",
        "referrer_domain": "google.com", "search_term": "Tea", "utm_source": "News", "utm_campaign": "Spring",
        "country": "EE", "region": "Harju", "city": "Tallinn", "language": "et-EE", "device_type": "Mobile",
        "browser": "Chrome", "browser_version": "120", "os": "Android", "os_version": "14", "screen": "400x800",
        "organization": "Telia", "currency": "EUR", "name": "Buy", "target": "https://Partner.example/x",
        "text": "Buy me",
        "ip": "73.10.20.0", "split_test": "Prices", "split_arm": "high", "link_id": 7, "group_id": 8, "click_id": 9,
        "conversion_id": 10, "destination": "https://shop.example/", "is_unique": 1, "scroll": 90, "revenue": 12.5,
        "props": {"Color": "Red"},
    }  # fmt: skip
    made = [
        event(site, f"/{kind}", kind=kind, at=NOON + timedelta(hours=7 * n), visitor=n, **(full if n % 2 else {}))
        for n, kind in enumerate(KINDS * 2)
    ]
    record(*made)
    insert_recorded()
    return made


def stored(site: Site, where: Any) -> set[int]:
    period = Period(NOON - timedelta(days=1), NOON + timedelta(days=30), ZONE)
    rows = visit_lists.list_actions((site.pk,), period, where, 1000, now=NOON + timedelta(days=30), kinds=KINDS)
    return {int(row["id"]) for row in rows}


def in_memory(site: Site, events: list[Event], where: Any) -> set[int]:
    tree = filters.parse(where)
    resolved = ReferenceResolver((site.pk,), StoredGoals()).resolve(tree, "where") if tree else None
    check_evaluable(resolved)
    return {int(one["id"]) for one in events if satisfies(resolved, one, ZoneInfo(ZONE))}


def wanted(row: Dimension, operator: str, events: list[Event]) -> list[Any]:
    """Values to compare with, some of which events have."""
    if row.family == "time":
        local = events[3]["ts"].astimezone(ZoneInfo(ZONE))
        hour = local.replace(minute=0).isoformat()
        times = {
            "minute": local.isoformat(), "hour": hour, "hour_of_day": str(local.hour),
            "weekday": str(local.isoweekday()), "month": "2026-03",
        }  # fmt: skip
        return [times.get(row.name, str(local.date()))]
    if row.number:
        return [90.0] if row.name == "scroll" else [12.5]
    texts = sorted({find_text(row, one) for one in events})
    if operator in ("is", "is_not"):
        return texts[:2]
    text = texts[-1] or "x"
    return {"starts_with": [text[:2]], "ends_with": [text[-2:]]}.get(operator, [text[1:3].upper() or text])


@pytest.mark.parametrize("turns", list_turns(3))
@pytest.mark.parametrize("row", OF_EVENTS, ids=lambda row: row.name)
def test_every_dimension_is_evaluated_in_memory_as_in_the_store(
    site: Site, events: list[Event], row: Dimension, turns: int
) -> None:
    """With a third of its operators, by turns."""
    for operator in [*list_operators(row)][OF_EVENTS.index(row) % turns :: turns]:
        if operator == "matches":
            continue
        values = wanted(row, operator, events)
        where = {"dimension": row.name, "operator": operator, "value": values}
        assert in_memory(site, events, where) == stored(site, where), (operator, values)


def test_groups_goals_and_segments_are_evaluated_too(site: Site, events: list[Event]) -> None:
    goal = goal_create(site=site, name="Bought", kind="event", pattern="Buy")
    estonia = {"dimension": "country", "operator": "is", "value": ["EE"]}
    segment = segment_create(site=site, name="Estonia", filter=[estonia], owner=None, shared=True)
    for where in (
        {"or": [{"goal": goal.pk}, {"not": estonia}]},
        [{"segment": segment.pk}, {"dimension": "kind", "operator": "is_not", "value": ["view"]}],
        [],
    ):
        found = in_memory(site, events, where)
        assert found == stored(site, where) and found


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row not in OF_EVENTS and row.family != "goal"], ids=lambda row: row.name
)
def test_dimensions_of_whole_visits_are_rejected(row: Dimension) -> None:
    value = [1] if row.number else ["x"]
    tree = filters.parse({"dimension": row.name, "operator": "is", "value": value})
    if row.name in LIVE_VISIT_DIMENSIONS:
        check_evaluable(tree)
    else:
        with pytest.raises(QueryRefused, match="describes complete visits"):
            check_evaluable(tree)


@pytest.mark.parametrize(
    "where",
    [
        {"dimension": "page", "operator": "matches", "value": ["^/a"]},
        {"visited": {"dimension": "page", "operator": "is", "value": ["/a"]}},
        {"not": {"and": [{"dimension": "entry_page", "operator": "is", "value": ["/a"]}]}},
        {"goal": 3},
        {"dimension": "day", "operator": "is", "value": ["someday"]},
    ],
)
def test_filters_that_one_event_cannot_decide_are_rejected(where: Any) -> None:
    with pytest.raises(QueryRefused):
        check_evaluable(filters.parse(where))
