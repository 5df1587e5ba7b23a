"""Which events reach a goal: every kind, pattern and option, through the query engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from goals.discovery import create_named_goals
from goals.models import Goal
from goals.services import goal_create
from reports.labels import label_value
from reports.query.dimensions import get_dimension
from sites import site_cache
from sites.models import Site
from tests.support import NOW, ask, browse, event, record
from tests.support.endpoints import send_request
from tests.support.hits import reset_state
from tests.support.types import Store
from tracking import spool

pytestmark = pytest.mark.django_db


@pytest.fixture
def traffic(site: Site, store: Store) -> None:
    """ann: /, /blog/a+b.html, scrolls 80 %, downloads, leaves, signs up, sends a form; ben: /blog for five seconds."""
    browse(site, "/", "/blog/a+b.html", at=NOW, visitor="ann", visit=1, step=timedelta(seconds=90), scroll=80)
    same: dict[str, Any] = {"visit": 1, "visit_start": NOW, "visitor": "ann"}
    at = NOW + timedelta(seconds=95)
    record(
        event(site, "/blog/a+b.html", at=at, kind="download", target="https://example.com/list.pdf", **same),
        event(
            site, "/blog/a+b.html", at=at, kind="outbound", target="https://partner.example/x", text="Partner", **same
        ),
        event(site, "/pricing", at=at, kind="event", name="Signup", target="/actions/signup", **same),
        event(site, "/", at=at, kind="form", name="contact", **same),
        event(site, "/", at=at, kind="click", target="a#buy", text="Buy now", **same),
        event(site, "/", at=at, kind="goal", name="vip", revenue=20, currency="EUR", **same),
    )
    browse(site, "/blog", "/blog", at=NOW, visitor="ben", visit=2, step=timedelta(seconds=5), scroll=20)


@pytest.mark.parametrize(
    ("fields", "times"),
    [
        ({"pattern": "/größe"}, 1),
        ({"pattern": "/gr%C3%B6%C3%9Fe"}, 1),
        ({"pattern": "https://example.com/gr%c3%b6%c3%9fe"}, 1),
        ({"pattern": "https://example.com/größe"}, 1),
        ({"pattern": "https://example.com/gr*", "pattern_kind": "wildcard"}, 1),
        ({"pattern": "https://example.com/*ße", "pattern_kind": "wildcard"}, 1),
        ({"pattern": "/gr%C3%B6.*e$", "pattern_kind": "regex"}, 1),
        ({"pattern": "/my page"}, 1),
        ({"kind": "event", "pattern": "größer"}, 1),
        ({"kind": "outbound", "pattern": "https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe"}, 1),
        ({"kind": "outbound", "pattern": "https://Bücher.example/größe"}, 1),
    ],
)
def test_goals_as_people_type_them_match_what_browsers_send(
    site: Site, store: Store, fields: dict[str, Any], times: int
) -> None:
    reset_state()
    sent = {"site_id": site.pk, "host": "example.com"}
    outbound = {"type": "outbound", "href": "https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe"}
    for more in (
        {"type": "pageview", "href": "/gr%C3%B6%C3%9Fe"},
        {"type": "pageview", "href": "/my%20page"},
        {"type": "event", "name": "größer"},
        outbound,
    ):
        assert send_request("/in.php", {**sent, **more}).dropped == ""
    spool.flush()
    goal = goal_create(site=site, name="Goal", **fields)
    now = datetime.now(UTC)
    assert ask(site, "conversions", where={"goal": goal.pk}, now=now) == times


def test_an_internationalized_host_is_shown_and_found_in_its_script(site: Site, store: Store) -> None:
    record(event(site, "/", at=NOW, host="xn--bcher-kva.example"))
    assert label_value(get_dimension("host", ""), "xn--bcher-kva.example") == "bücher.example"
    for typed in ("bücher.example", "xn--bcher-kva.example", "https://Bücher.example/a"):
        where = {"dimension": "host", "operator": "is", "value": [typed]}
        assert ask(site, "views", where=where) == 1, typed


def test_internationalized_sources_are_found_in_every_spelling(site: Site, store: Store) -> None:
    record(event(site, "/", at=NOW, source="bücher.example", referrer_domain="bücher.example"))
    for name in ("source", "referrer_domain"):
        for typed in ("bücher.example", "xn--bcher-kva.example"):
            assert ask(site, "visits", where={"dimension": name, "operator": "is", "value": [typed]}) == 1, typed


def test_paths_are_shown_and_found_decoded(site: Site, store: Store) -> None:
    reset_state()
    for href in ("/caf%C3%A9", "/caf%c3%a9", "/café"):
        send_request("/in.php", {"site_id": site.pk, "host": "example.com", "type": "pageview", "href": href})
    spool.flush()
    now = datetime.now(UTC)
    assert ask(site, "views", by="page", now=now) == {"/café": 3}
    for typed in ("/café", "/caf%C3%A9", "https://example.com/caf%C3%A9"):
        where = {"dimension": "page", "operator": "is", "value": [typed]}
        assert ask(site, "views", where=where, now=now) == 3, typed
    for operator, typed in (("contains", "f%C3%A9"), ("starts_with", "/caf"), ("matches", "caf%C3%A9$")):
        assert ask(site, "views", where={"dimension": "page", "operator": operator, "value": [typed]}, now=now) == 3
    assert ask(site, "views", by="page", search="caf%c3%a9", now=now) == {"/café": 3}


@pytest.mark.parametrize(
    ("fields", "times"),
    [
        ({"pattern": "/blog"}, 2),
        ({"pattern": "/blog/a+b.html"}, 1),
        ({"pattern": "/blog*", "pattern_kind": "wildcard"}, 3),
        ({"pattern": "*/a+b.*", "pattern_kind": "wildcard"}, 1),
        ({"pattern": "/b*/a+b.html", "pattern_kind": "wildcard"}, 1),
        ({"pattern": "^/blog/?$", "pattern_kind": "regex"}, 2),
        ({"kind": "event", "pattern": "Signup"}, 1),
        ({"kind": "event", "pattern": "/actions/signup"}, 1),
        ({"kind": "event", "pattern": "Signup", "page": "/pricing"}, 1),
        ({"kind": "event", "pattern": "Signup", "page": "/blog*"}, 0),
        ({"kind": "event"}, 1),
        ({"kind": "download", "pattern": "*.pdf", "pattern_kind": "wildcard"}, 1),
        ({"kind": "outbound", "pattern": "https://partner.example/*", "pattern_kind": "wildcard"}, 1),
        ({"kind": "form", "pattern": "contact"}, 1),
        ({"kind": "form", "pattern": "other"}, 0),
        ({"kind": "click", "text": "buy"}, 1),
        ({"kind": "click"}, 3),
        ({"kind": "scroll", "threshold": 75}, 1),
        ({"kind": "scroll", "threshold": 10}, 2),
        ({"kind": "scroll", "threshold": 10, "page": "/blog"}, 1),
        ({"kind": "duration", "threshold": 60}, 1),
        ({"kind": "duration", "threshold": 5}, 2),
        ({"kind": "manual", "name": "vip"}, 1),
        ({"kind": "event", "pattern": "nothing", "name": "vip"}, 1),
    ],
)  # fmt: skip
def test_a_goal_counts_what_its_kind_and_pattern_say(
    site: Site, traffic: None, fields: dict[str, Any], times: int
) -> None:
    goal = goal_create(site=site, **{"name": "Reached", **fields})
    assert ask(site, "conversions", where=[{"goal": goal.pk}]) == times


def test_a_new_goal_counts_earlier_events(site: Site, store: Store) -> None:
    browse(site, "/thanks", at=NOW - timedelta(days=300))
    goal = goal_create(site=site, name="Thanks", pattern="/thanks")
    assert ask(site, "conversions", period="12m", where=[{"goal": goal.pk}]) == 1


def test_a_script_can_send_a_goal_by_its_id(site: Site, store: Store) -> None:
    goal = goal_create(site=site, name="Sale", pattern="/never")
    record(event(site, kind="goal", name=str(goal.pk), visitor="ann"))
    assert ask(site, "conversions", where=[{"goal": goal.pk}]) == 1


def test_a_goal_named_by_a_script_is_created_and_counts(site: Site, traffic: None) -> None:
    site_cache.refresh()
    assert create_named_goals(NOW + timedelta(minutes=5)) == 1
    goal = Goal.objects.get(site=site, name="vip")
    assert ask(site, "conversions", "revenue", where=[{"goal": goal.pk}])["conversions"] == 1
