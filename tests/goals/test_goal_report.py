"""A goal's report: attribution equals a naive evaluation, revenue by currency, and who may see it."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from goals.predicates import Filter
from goals.services import goal_create
from reports.query import Period
from reports.query.analyses.attribution import attribute_conversions
from sites.models import Site
from tests.support import NOW, browse, event, record, visit
from tests.support.mapped_goals import MappedGoals
from tests.support.types import Store

BAD = "<script>alert(1)</script>"
SITES = itertools.count(800_000_001)
NOBODY = MappedGoals({}, {})
WEEK = Period(NOW - timedelta(days=7), NOW)
DONE: Filter = {"dimension": "page", "operator": "is", "value": ["/done"]}
SOURCES = ("", "Google", "Newsletter")


@pytest.mark.parametrize("seed", range(6))
def test_every_attribution_model_credits_what_a_naive_evaluation_credits(seed: int, store: Store) -> None:
    dice, site = random.Random(seed), next(SITES)
    visits = [
        (who, NOW - timedelta(minutes=dice.randint(1, 60 * 24 * 45)), dice.choice(SOURCES), dice.random() < 0.3)
        for who in range(8) for _ in range(dice.randint(1, 6))
    ]  # fmt: skip
    record(*(
        one for who, at, source, done in visits
        for one in visit(site, "/a", *(["/done"] if done else []), at=at, visitor=who, source=source)
    ))  # fmt: skip
    expected = {model: defaultdict[str, float](float) for model in ("first", "last", "linear")}
    count = 0
    for who, at, _, done in visits:
        reached = at + timedelta(seconds=10)
        if not done or not WEEK.start <= reached < WEEK.end:
            continue
        count += 1
        mine = sorted((v[1], v[2]) for v in visits if v[0] == who)
        touches = [source for begun, source in mine if reached - timedelta(days=30) < begun <= reached]
        expected["first"][touches[0]] += 1
        expected["last"][touches[-1]] += 1
        for source in touches:
            expected["linear"][source] += 1 / len(touches)
    way = attribute_conversions(site, WEEK, DONE, now=NOW, source=NOBODY)
    assert way.conversions == count
    for model, wanted in expected.items():
        got = {one.source: getattr(one, model) for one in way.credits if getattr(one, model)}
        assert got == pytest.approx(dict(wanted)), model


def test_time_visits_and_revenue_by_currency(store: Store) -> None:
    site, day = next(SITES), timedelta(days=1)
    browse(site, "/a", at=NOW - 3 * day, visitor="one", source="Google")
    browse(site, "/a", at=NOW - 2 * day, visitor="one")
    sale: dict[str, Any] = {"kind": "event", "name": "Buy"}
    begun = NOW - day
    record(
        event(site, "/a", at=begun + timedelta(hours=1), visitor="one", visit_start=begun, visit=5, revenue=10,
              currency="EUR", **sale),
        event(site, "/a", at=begun, visitor="two", revenue=7.5, currency="USD", **sale),
        event(site, "/a", at=begun, visitor="three", revenue=2.5, currency="USD", **sale),
    )  # fmt: skip
    buy: Filter = {"dimension": "event", "operator": "is", "value": ["Buy"]}
    way = attribute_conversions(site, WEEK, buy, now=NOW, source=NOBODY)
    assert (way.conversions, way.one_visit, way.visits, way.seconds) == (3, 2, 1, 0)
    assert way.revenue == {"EUR": 10, "USD": 10}
    google: list[Filter] = [{"dimension": "source", "operator": "is", "value": ["Google"]}]
    assert attribute_conversions(site, WEEK, buy, google, now=NOW, source=NOBODY).conversions == 0


def test_a_goal_of_a_duration_converts_once_per_visit(store: Store) -> None:
    site = next(SITES)
    browse(site, "/a", "/b", "/c", at=NOW - timedelta(hours=1), step=timedelta(minutes=1))
    long: Filter = {"dimension": "duration", "operator": "at_least", "value": [60]}
    assert attribute_conversions(site, WEEK, long, now=NOW, source=NOBODY).conversions == 1


def test_the_report_works_without_scripts_and_escapes_text_of_strangers(
    site: Site, store: Store, alice: User, bob: User, charlie: User
) -> None:
    at = timezone.now() - timedelta(minutes=5)
    browse(site, "/a", "/done", at=at, source=BAD)
    goal = goal_create(site=site, name=BAD, pattern="/done", fixed_revenue="12.50", currency="EUR")
    address = f"/sites/{site.pk}/goals/{goal.pk}/report"
    for user, status in ((alice, 200), (bob, 200), (charlie, 404)):
        client = Client()
        client.force_login(user)
        response = client.get(address)
        assert response.status_code == status
        html = response.content.decode()
        assert BAD not in html
        if status == 200:
            assert "€12.50" in html and html.count("&lt;script&gt;") >= 3
    assert Client().get(address).status_code == 302
