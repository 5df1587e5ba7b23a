"""Goals and segments: creating, changing and deleting them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import Account, User
from config.periodic_tasks import PERIODIC_TASKS
from goals import discovery
from goals.models import Goal, GoalKind, PatternKind
from goals.selectors import filter_segments_of_site, filter_visible_segments, find_goal, list_active_goals
from goals.services import (
    goal_create,
    goal_delete,
    goal_update,
    manual_goal_ensure,
    segment_create,
    segment_delete,
)
from sites.models import Site
from sites.services import site_create

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
FILTER = {"dimension": "country", "operator": "is", "value": ["EE"]}


@pytest.fixture
def alices() -> Site:
    return site_create(account=Account.objects.create(name="Alice"), domain="alice.example")


@pytest.fixture
def charlies() -> Site:
    return site_create(account=Account.objects.create(name="Charlie"), domain="charlie.example")


def test_a_goal_is_found_by_its_own_site_only(alices: Site, charlies: Site) -> None:
    goal = goal_create(site=alices, name="Thanks", pattern="/thanks")
    assert find_goal([alices.pk], goal.pk) == goal
    assert find_goal([charlies.pk], goal.pk) is None


def test_an_inactive_goal_does_not_count_and_a_goal_that_is_no_conversion_not_as_one(alices: Site) -> None:
    goal_create(site=alices, name="Gone", pattern="/gone", active=False)
    quiet = goal_create(site=alices, name="Quiet", pattern="/quiet", conversion=False)
    loud = goal_create(site=alices, name="Loud", pattern="/loud")
    assert list_active_goals([alices.pk]) == [loud, quiet]
    assert list_active_goals([alices.pk], conversion=True) == [loud]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"kind": "page"}, "pattern"),
        ({"kind": "page", "pattern": "(", "pattern_kind": "regex"}, "pattern"),
        ({"kind": "page", "pattern": "(?=a)", "pattern_kind": "regex"}, "pattern"),
        ({"kind": "scroll", "threshold": 101}, "threshold"),
        ({"kind": "duration", "threshold": 0}, "threshold"),
        ({"kind": "dance", "pattern": "/a"}, "kind"),
        ({"kind": "event", "name": ""}, "name"),
    ],
)
def test_an_invalid_goal_is_rejected_by_field(alices: Site, fields: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError) as refused:
        goal_create(site=alices, **{"name": "Odd", **fields})
    assert where in refused.value.message_dict


def test_two_goals_of_a_site_cannot_share_a_name(alices: Site, charlies: Site) -> None:
    goal_create(site=alices, name="Thanks", pattern="/thanks")
    goal_create(site=charlies, name="Thanks", pattern="/thanks")
    with pytest.raises(ValidationError):
        goal_create(site=alices, name="Thanks", pattern="/other")


def test_a_goal_can_be_changed_and_deleted(alices: Site) -> None:
    goal = goal_create(site=alices, name="Thanks", pattern="/thanks")
    goal_update(goal=goal, name=" Merci ", pattern="/merci*", pattern_kind=PatternKind.WILDCARD, currency="eur")
    assert (goal.name, goal.currency) == ("Merci", "EUR")
    goal_delete(goal=goal)
    assert list_active_goals([alices.pk]) == []


def test_a_manual_goal_appears_when_it_is_first_named(alices: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    named = [(alices.pk, "signup"), (alices.pk, "signup"), (alices.pk, "12345"), (999, "elsewhere")]
    monkeypatch.setattr(discovery, "_readers", [lambda since, until: named])
    assert discovery.create_named_goals(NOW) == 1
    assert discovery.create_named_goals(NOW) == 0
    found = Goal.objects.get(site=alices)
    assert (found.name, found.kind) == ("signup", GoalKind.MANUAL)


def note_spans(monkeypatch: pytest.MonkeyPatch) -> list[tuple[datetime, datetime]]:
    """The spans that goals are searched in from now on; nothing is found."""
    asked: list[tuple[datetime, datetime]] = []

    def read(since: datetime, until: datetime) -> list[tuple[int, str]]:
        asked.append((since, until))
        return []

    monkeypatch.setattr(discovery, "_readers", [read])
    return asked


def test_named_goals_are_read_from_the_last_two_days(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = note_spans(monkeypatch)
    discovery.create_named_goals(NOW)
    assert asked == [(NOW - discovery.LOOK_BACK, NOW)]


def test_the_frequent_task_reads_only_the_last_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = note_spans(monkeypatch)
    discovery.create_recently_named_goals(NOW)
    assert asked == [(NOW - discovery.RECENT, NOW)]
    (row,) = [row for row in PERIODIC_TASKS if row.path == "goals.discovery.create_recently_named_goals"]
    assert row.seconds <= 5 and discovery.RECENT.total_seconds() > 10 * row.seconds


def test_the_number_of_goals_that_scripts_create_is_limited(alices: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "MAX_GOALS", 3)
    monkeypatch.setattr(discovery, "_readers", [lambda *_: [(alices.pk, f"order {n}") for n in range(9)]])
    assert discovery.create_named_goals(NOW) == 3


def test_a_number_or_an_empty_name_creates_no_goal(alices: Site) -> None:
    assert manual_goal_ensure(site=alices, name="77") is None
    assert manual_goal_ensure(site=alices, name="  ") is None


def test_a_private_segment_is_seen_by_its_owner_and_a_shared_one_by_all(alices: Site) -> None:
    alice = User.objects.create_user("alice@alice.example", "correct horse")
    bob = User.objects.create_user("bob@alice.example", "battery staple")
    mine = segment_create(site=alices, name="Mine", filter=FILTER, owner=alice)
    ours = segment_create(site=alices, name="Ours", filter=FILTER, owner=alice, shared=True)
    assert list(filter_segments_of_site(alices, alice)) == [mine, ours]
    assert list(filter_segments_of_site(alices, bob)) == [ours]
    assert list(filter_segments_of_site(alices, None)) == [ours]
    segment_delete(segment=mine)
    assert list(filter_visible_segments([alices.pk], None)) == [ours]


def test_a_segment_of_another_site_does_not_exist(alices: Site, charlies: Site) -> None:
    segment = segment_create(site=alices, name="Ours", filter=FILTER, shared=True)
    assert segment not in filter_visible_segments([charlies.pk], None)


@pytest.mark.parametrize("filter", [None, [], "country", {"and": ["x" * 21_000]}])
def test_a_segment_needs_a_filter_of_limited_size(alices: Site, filter: object) -> None:
    with pytest.raises(ValidationError):
        segment_create(site=alices, name="Odd", filter=filter)


def test_a_segment_with_an_invalid_filter_is_rejected_with_the_engines_message(alices: Site) -> None:
    with pytest.raises(ValidationError, match="no dimension"):
        segment_create(site=alices, name="Odd", filter={"dimension": "planet", "operator": "is", "value": ["Mars"]})


@pytest.mark.parametrize(
    ("worth", "currency", "stored", "refusal"),
    [
        ("1.005", "KWD", "1.005", ""),
        ("500", "JPY", "500", ""),
        ("9.50", "EUR", "9.50", ""),
        ("1.005", "", "1.005", ""),
        ("9.5", "JPY", "", "An amount of JPY has no decimals."),
        ("1.005", "eur", "", "An amount of EUR has at most 2 decimals."),
        ("1.0005", "KWD", "", "An amount of KWD has at most 3 decimals."),
    ],
)
def test_a_goals_fixed_revenue_has_the_decimals_of_its_currency(
    site: Site, alice: User, worth: str, currency: str, stored: str, refusal: str
) -> None:
    client = Client()
    client.force_login(alice)
    fields = {"name": "Buy", "kind": "event", "active": "on", "fixed_revenue": worth, "currency": currency}
    page = client.post(f"/sites/{site.pk}/goals/new", {**fields, "save": "1"})
    goal = Goal.objects.first()
    if refusal:
        assert goal is None and refusal in page.content.decode()
        return
    assert goal is not None and goal.fixed_revenue == Decimal(worth)
    form = client.get(f"/sites/{site.pk}/goals/{goal.pk}").content.decode()
    assert f'name="fixed_revenue" value="{stored}"' in form
