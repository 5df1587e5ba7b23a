"""Funnels and split tests: the engine's numbers equal a naive evaluation, and who may see and change them."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from accounts.models import User
from goals.predicates import Filter, build_step_filter
from goals.services import funnel_save, goal_create
from reports.query import Period
from reports.query.analyses import experiments
from reports.query.analyses.funnels import count_funnel
from reports.query.errors import QueryRefused
from sites.models import Site
from tests.support import NOW, browse, event, record
from tests.support.mapped_goals import MappedGoals
from tests.support.types import Store

BAD = "<script>alert(1)</script>"
DAY = Period(NOW - timedelta(hours=12), NOW + timedelta(hours=12))
SITES = itertools.count(700_000_001)
PAGES = ("/a", "/b", "/c", "/d")
NOBODY = MappedGoals({}, {})


def page(path: str) -> Filter:
    return build_step_filter({"page": path})


def loosely(did: list[str], steps: list[str]) -> int:
    """How many steps are a subsequence of what a visitor did."""
    rest = iter(did)
    return sum(1 for _ in itertools.takewhile(lambda step: step in rest, steps))


def strictly(did: list[str], steps: list[str]) -> int:
    """The longest beginning of the steps that stands somewhere in what a visitor did, without a gap."""
    return max(
        length
        for length in range(len(steps) + 1)
        if any(did[at : at + length] == steps[:length] for at in range(len(did) + 1))
    )


@pytest.mark.parametrize("seed", range(12))
def test_a_funnel_counts_what_a_naive_evaluation_counts(seed: int, store: Store) -> None:
    dice, site = random.Random(seed), next(SITES)
    steps = [dice.choice(PAGES) for _ in range(dice.randint(2, 8))]
    ways = {who: [dice.choice(PAGES) for _ in range(dice.randint(1, 12))] for who in range(40)}
    record(*(
        event(site, path, at=NOW + timedelta(seconds=index), visitor=who)
        for who, way in ways.items() for index, path in enumerate(way)
    ))  # fmt: skip
    for strict, reach in ((False, loosely), (True, strictly)):
        got = count_funnel(site, DAY, [page(path) for path in steps], strict=strict, now=NOW, source=NOBODY)
        furthest = [reach(way, steps) for way in ways.values()]
        assert got == [sum(far > index for far in furthest) for index in range(len(steps))], (steps, strict)


def test_events_other_than_pages_and_steps_do_not_break_a_strict_funnel(store: Store) -> None:
    site, at = next(SITES), NOW
    click = event(site, "/a", at=at + timedelta(seconds=1), kind="click", target="#x")
    other = [
        event(site, path, at=at + timedelta(seconds=n), visitor="two") for n, path in enumerate(("/a", "/x", "/b"))
    ]
    record(event(site, "/a", at=at), click, event(site, "/b", at=at + timedelta(seconds=2)), *other)
    steps = [page("/a"), page("/b")]
    assert count_funnel(site, DAY, steps, strict=True, now=NOW, source=NOBODY) == [2, 1]
    assert count_funnel(site, DAY, steps, now=NOW, source=NOBODY) == [2, 2]


def test_a_person_on_two_devices_is_one_visitor_and_a_filter_selects_visits(store: Store) -> None:
    site = next(SITES)
    browse(site, "/a", at=NOW, visitor="phone", person="ann", country="EE")
    browse(site, "/b", at=NOW + timedelta(minutes=5), visitor="laptop", person="ann", country="DE")
    browse(site, "/a", "/b", at=NOW, visitor="other", country="EE")
    steps = [page("/a"), page("/b")]
    assert count_funnel(site, DAY, steps, now=NOW, source=NOBODY) == [2, 2]
    estonia: list[Filter] = [{"dimension": "country", "operator": "is", "value": ["EE"]}]
    assert count_funnel(site, DAY, steps, where=estonia, now=NOW, source=NOBODY) == [2, 1]


@pytest.mark.parametrize("count", [0, 1, 9])
def test_a_funnel_with_too_few_or_too_many_steps_is_rejected(count: int, site: Site) -> None:
    with pytest.raises(QueryRefused, match="2 to 8"):
        count_funnel(site.pk, DAY, [page("/a")] * count, now=NOW)
    with pytest.raises(ValidationError):
        funnel_save(site=site, name="x", steps=[{"page": "/a"}] * count)


def test_a_funnel_takes_only_goals_of_its_own_site(site: Site, charlies_site: Site) -> None:
    foreign = goal_create(site=charlies_site, name="His", pattern="/a")
    with pytest.raises(ValidationError):
        funnel_save(site=site, name="x", steps=[{"goal": foreign.pk}, {"page": "/a"}])


@pytest.mark.parametrize("hits,tries,low,high", [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634),
                                                 (1, 100, 0.0018, 0.0545), (0, 0, 0.0, 1.0)])  # fmt: skip
def test_the_confidence_interval_is_wilsons(hits: int, tries: int, low: float, high: float) -> None:
    assert experiments.compute_wilson_interval(hits, tries) == pytest.approx((low, high), abs=0.0001)


def test_split_tests_count_conversions_after_the_version_was_seen(store: Store) -> None:
    site = next(SITES)
    seen: dict[str, Any] = {"split_test": "Button"}
    record(
        event(site, "/a", visitor=1, split_arm="green", **seen),
        event(site, "/done", at=NOW + timedelta(minutes=1), visitor=1),
        event(site, "/done", at=NOW - timedelta(minutes=1), visitor=2),  # before: no conversion of the test
        event(site, "/a", visitor=2, split_arm="green", **seen),
        event(site, "/a", visitor=3, split_arm="red", **seen),
        event(site, "/a", visitor=4, split_arm="red", **seen),
        event(site, "/a", at=NOW + timedelta(minutes=1), visitor=4, split_arm="green", **seen),
        event(site, "/done", visitor=5),
    )
    arms, mixed = experiments.count_variants(site, DAY, "Button", [page("/done")], now=NOW, source=NOBODY)
    assert arms == [experiments.Variant("green", 2, 1), experiments.Variant("red", 1, 0)] and mixed == 1
    assert experiments.list_experiments(site, DAY, now=NOW, source=NOBODY) == ["Button"]
    assert experiments.count_variants(site, DAY, "'; DROP", [], now=NOW, source=NOBODY) == ([], 0)


@pytest.fixture
def walked(site: Site, store: Store) -> Any:
    at = timezone.now() - timedelta(minutes=5)
    browse(site, "/a", "/b", at=at, visitor="one", split_test=BAD, split_arm=BAD)
    browse(site, "/a", at=at, visitor="two")
    return funnel_save(site=site, name=BAD, steps=[{"page": "/a"}, {"page": f"/{BAD}"}, {"page": "/b*"}])


def test_a_funnel_is_created_shown_changed_and_deleted_without_scripts(site: Site, walked: Any, alice: User) -> None:
    client = Client()
    client.force_login(alice)
    goal = goal_create(site=site, name="Reached B", pattern="/b")
    base = f"/sites/{site.pk}/funnels"
    made = client.post(f"{base}/new", {"name": "Way", "page_1": "/a", "goal_3": goal.pk, "strict": "on"})
    funnel_row = site.funnels.get(name="Way")
    assert made["Location"] == f"{base}/{funnel_row.pk}" and funnel_row.strict
    assert funnel_row.steps == [{"page": "/a"}, {"goal": goal.pk}]
    html = client.get(made["Location"]).content.decode()
    assert "Reached B" in html and "50.0%" in html and "<rect" in html and " style=" not in html
    refused = client.post(f"{base}/new", {"name": "Way", "page_1": "b"})
    assert refused.status_code == 200 and "begin with *" in refused.content.decode()
    assert "2 to 8" in client.post(f"{base}/new", {"name": "One", "page_1": "/b"}).content.decode()
    client.post(f"{base}/{funnel_row.pk}/edit", {"name": "Way 2", "page_1": "/a", "page_2": "/b"})
    assert site.funnels.get(pk=funnel_row.pk).name == "Way 2"
    client.post(f"{base}/{funnel_row.pk}/remove")
    assert not site.funnels.filter(pk=funnel_row.pk).exists()


def test_text_of_strangers_is_escaped(site: Site, walked: Any, alice: User) -> None:
    client = Client()
    client.force_login(alice)
    base = f"/sites/{site.pk}"
    for address in ("funnels", f"funnels/{walked.pk}", f"funnels/{walked.pk}/edit", "splits"):
        html = client.get(f"{base}/{address}").content.decode()
        assert BAD not in html and "&lt;script&gt;" in html, address


def test_a_funnel_with_a_deleted_goal_says_so_and_the_list_works(site: Site, walked: Any, alice: User) -> None:
    client = Client()
    client.force_login(alice)
    goal = goal_create(site=site, name="Soon gone", pattern="/b")
    broken = funnel_save(site=site, name="Broken", steps=[{"goal": goal.pk}, {"page": "/a"}])
    goal.delete()
    assert "There is no goal" in client.get(f"/sites/{site.pk}/funnels/{broken.pk}").content.decode()
    assert client.get(f"/sites/{site.pk}/funnels").status_code == 200


def test_a_guest_can_see_funnels_and_a_stranger_cannot(site: Site, walked: Any, bob: User, charlie: User,
                                                       charlies_site: Site) -> None:  # fmt: skip
    guest, stranger = Client(), Client()
    guest.force_login(bob)
    stranger.force_login(charlie)
    base = f"/sites/{site.pk}/funnels"
    assert guest.get(f"{base}/{walked.pk}").status_code == 200
    for client in (guest, stranger):
        assert client.get(f"{base}/new").status_code == 404
        assert client.post(f"{base}/{walked.pk}/remove").status_code == 404
    assert stranger.get(f"/sites/{charlies_site.pk}/funnels/{walked.pk}").status_code == 404
    assert Client().get(f"{base}/{walked.pk}").status_code == 302
