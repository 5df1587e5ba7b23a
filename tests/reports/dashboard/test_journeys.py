"""Journeys: pages before and after a path equal a naive evaluation of the visits."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from reports.query import Period
from reports.query.analyses.journeys import LEVELS, find_journeys
from sites.models import Site
from tests.support import NOW, browse, read_html, record, visit
from tests.support.mapped_goals import MappedGoals
from tests.support.types import Store

BAD = "<script>alert(1)</script>"
SITES = itertools.count(600_000_001)
DAY = Period(NOW - timedelta(hours=12), NOW + timedelta(hours=12))


@pytest.mark.parametrize("seed", range(8))
def test_neighbours_equal_a_naive_evaluation(seed: int, store: Store) -> None:
    dice, site = random.Random(seed), next(SITES)
    ways = [[dice.choice(("/a", "/b", "/c")) for _ in range(dice.randint(1, 9))] for _ in range(40)]
    record(*(one for who, way in enumerate(ways) for one in visit(site, *way, visitor=who)))
    wanted = ["/a"] if seed % 2 else ["/a", "/b"]
    expected: dict[int, Counter[str]] = {level: Counter() for level in LEVELS}
    visits = 0
    for way in ways:
        pages = [page for page, _ in itertools.groupby(way)]
        places = [at for at in range(len(pages)) if pages[at : at + len(wanted)] == wanted]
        if not places:
            continue
        visits += 1
        before, after = [*pages[: places[0]][::-1], ""], [*pages[places[0] + len(wanted) :], ""]
        for level in LEVELS:
            side = before if level < 0 else after
            if abs(level) <= len(side):
                expected[level][side[abs(level) - 1]] += 1
    total, near = find_journeys(site, DAY, wanted, now=NOW, source=MappedGoals({}, {}))
    assert total == visits
    assert {level: {one.page: one.visits for one in near[level]} for level in LEVELS} == expected


def test_a_path_grows_by_links_and_can_be_saved_as_a_funnel(site: Site, store: Store, alice: User) -> None:
    browse(site, "/a", f"/{BAD}", at=timezone.now() - timedelta(minutes=2))
    client = Client()
    client.force_login(alice)
    html = read_html(client.get(f"/sites/{site.pk}/journeys?at=/a"))
    assert BAD not in html and "&lt;script&gt;" in html and "Save as funnel" not in html
    html = read_html(client.get(f"/sites/{site.pk}/journeys", {"at": f"/a\n/{BAD}"}))
    assert "Save as funnel" in html and "<strong>1</strong> visits" in html and BAD not in html
    form = read_html(client.get(f"/sites/{site.pk}/funnels/new", {"page": ["/a", "/b"]}))
    assert 'value="/a"' in form and 'value="/b"' in form
