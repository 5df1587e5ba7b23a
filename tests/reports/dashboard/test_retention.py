"""Retention: cohorts equal a naive evaluation of random visits, and what the page shows."""

from __future__ import annotations

import itertools
import json
import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from goals.predicates import Filter
from reports.query.analyses.retention import STEPS, Cohort, find_cohorts, find_step, shift_step
from reports.query.errors import QueryRefused
from sites.models import Site
from tests.support import NOW, browse, insert_recorded, record, visit
from tests.support.mapped_goals import MappedGoals
from tests.support.turns import take_turns
from tests.support.types import Store

BAD = "<script>alert(1)</script>"
SITES = itertools.count(610_000_001)
NOBODY = MappedGoals({}, {})
ESTONIA: list[Filter] = [{"dimension": "country", "operator": "is", "value": ["EE"]}]
Visits = list[tuple[datetime, str, str, str]]  # when, device, person, country


def world(dice: random.Random, people: bool) -> Visits:
    """Random visits of four months, a good many of them long before the window and around midnight."""
    found = []
    for who in range(60):
        for _ in range(dice.randint(1, 6)):
            at = NOW - timedelta(days=int(dice.random() ** 2 * 120), minutes=dice.randint(1, 1439))
            person = f"p{who % 20}" if people and dice.random() < 0.5 else ""
            found.append((at, f"d{who}", person, dice.choice(("EE", "DE"))))
    return found


def walked(visits: Visits, by: str, count: int, zone: str, estonian: bool, named: bool) -> list[Cohort]:
    """The same by hand: each visitor's days in order, the first of them decides."""
    days: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for at, device, person, country in visits:
        if person or not named:
            days[person or device].append((at, country))
    last = find_step(NOW.astimezone(ZoneInfo(zone)).date(), by)
    starts = [shift_step(last, by, index - count + 1) for index in range(count)]
    seen: dict[date, list[int]] = {start: [0] * (count - index) for index, start in enumerate(starts)}
    for history in days.values():
        since, country = min(history)
        first = find_step(since.astimezone(ZoneInfo(zone)).date(), by)
        if first not in seen or (estonian and country != "EE"):
            continue
        for step in {find_step(at.astimezone(ZoneInfo(zone)).date(), by) for at, _ in history}:
            seen[first][starts.index(step) - starts.index(first)] += 1
    return [Cohort(start, tuple(numbers)) for start, numbers in seen.items()]


@pytest.mark.parametrize("seed", take_turns(2, range(12)))
def test_cohorts_equal_a_naive_evaluation(seed: int, store: Store) -> None:
    dice, site = random.Random(seed), next(SITES)
    zone = ("UTC", "Asia/Kathmandu", "America/New_York")[seed % 3]
    visits = world(dice, people=seed % 2 == 1)
    for at, device, person, country in visits:
        record(*visit(site, at=at, visitor=device, person=person, country=country))
    insert_recorded()
    here = NOW.astimezone(ZoneInfo(zone)).date()
    named = seed % 4 == 1
    for by, count in (("day", 14), ("week", 6), ("month", 3)):
        for where in (None, ESTONIA):
            got = find_cohorts(site, here, by, count, zone, where, named=named, now=NOW, source=NOBODY)
            assert got == walked(visits, by, count, zone, where is not None, named), (by, where)


def test_steps_have_no_gaps_and_invalid_ones_are_rejected() -> None:
    for by in STEPS:
        first = find_step(date(2026, 1, 31), by)
        assert find_step(shift_step(first, by) - timedelta(days=1), by) == first
        assert shift_step(shift_step(first, by, 5), by, -5) == first
    for by, count in (("hour", 3), ("week", 0), ("week", 32)):
        with pytest.raises(QueryRefused):
            find_cohorts(1, date(2026, 1, 1), by, count, "UTC", now=NOW)


def test_there_is_no_cohort_after_the_period_or_in_the_future(store: Store) -> None:
    site = next(SITES)
    browse(site, at=NOW - timedelta(days=8), visitor="a")
    browse(site, at=NOW, visitor="a", visit=5)
    browse(site, at=NOW, visitor="b")
    last = NOW.date() + timedelta(days=7)
    got = find_cohorts(site, last, "week", 3, "UTC", now=NOW + timedelta(hours=1), source=NOBODY)
    assert [(one.start, one.visitors) for one in got] == [(date(2026, 2, 23), (0, 0)), (date(2026, 3, 2), (1,))]


@pytest.fixture
def reader(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def came_back(site: Site, **more: Any) -> None:
    """Two who came three weeks ago, of whom one returned a week later."""
    now = timezone.now().astimezone(UTC)
    before = now - timedelta(days=21)
    browse(site, "/a", at=before, visitor="one", country="EE", **more)
    browse(site, "/a", at=before, visitor="two", country="DE", person="dora" if more else "")
    browse(site, "/b", at=before + timedelta(days=7), visitor="one", **more)


def test_with_cookies_the_page_shows_shares_and_numbers(site: Site, store: Store, reader: Client) -> None:
    Site.objects.filter(pk=site.pk).update(cookies="on")
    came_back(site)
    html = reader.get(f"/sites/{site.pk}/retention").content.decode()
    assert "By cookie" in html and "50%" in html and 'title="1 of 2 visitors' in html
    assert "100%" in reader.get(f"/sites/{site.pk}/retention?country=EE").content.decode()
    assert "0%" in reader.get(f"/sites/{site.pk}/retention?country=DE").content.decode()
    for by in STEPS:
        assert reader.get(f"/sites/{site.pk}/retention?by={by}").status_code == 200


def test_without_cookies_and_names_no_table_is_shown_and_the_page_says_why(
    site: Site, store: Store, reader: Client
) -> None:
    came_back(site)
    html = reader.get(f"/sites/{site.pk}/retention").content.decode()
    assert "new number every day" in html and "heat-cell" not in html
    assert f"/sites/{site.pk}/settings/privacy" in html
    assert reader.get(f"/sites/{site.pk}/retention?format=csv").status_code == 404


def test_without_cookies_only_people_with_names_are_counted(site: Site, store: Store, reader: Client) -> None:
    came_back(site, person="ann")
    now = timezone.now().astimezone(UTC)
    browse(site, at=now - timedelta(days=21), visitor="stranger")
    html = reader.get(f"/sites/{site.pk}/retention").content.decode()
    assert "By name" in html and 'title="1 of 2 visitors' in html


def test_the_page_explains_consent_and_offers_people_with_names(site: Site, store: Store, reader: Client) -> None:
    Site.objects.filter(pk=site.pk).update(cookies="consent")
    came_back(site, person="ann")
    browse(site, at=timezone.now() - timedelta(days=21), visitor="stranger")
    html = reader.get(f"/sites/{site.pk}/retention").content.decode()
    assert "consent" in html and 'title="1 of 3 visitors' in html
    assert 'title="1 of 2 visitors' in reader.get(f"/sites/{site.pk}/retention?people=named").content.decode()


def test_the_table_can_be_exported(site: Site, store: Store, reader: Client) -> None:
    Site.objects.filter(pk=site.pk).update(cookies="on")
    came_back(site)
    address = f"/sites/{site.pk}/retention?format="
    rows = json.loads(reader.get(address + "json").content)
    filled = [row for row in rows if row["visitors"]]
    assert len(filled) == 1 and filled[0]["visitors"] == 2 and filled[0]["after_1"] == 1 and filled[0]["after_2"] == 0
    csv = reader.get(address + "csv")
    assert csv["Content-Type"].startswith("text/csv") and b"cohort,visitors,after_1" in csv.content


def test_an_empty_site_gets_a_hint_and_text_of_strangers_is_escaped(site: Site, store: Store, reader: Client) -> None:
    Site.objects.filter(pk=site.pk).update(cookies="on")
    html = reader.get(f"/sites/{site.pk}/retention?page={BAD}").content.decode()
    assert "No new visitors" in html and BAD not in html
