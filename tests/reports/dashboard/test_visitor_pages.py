"""Pages of visits, visitors, Spy, goals, the ingestion audit and bots."""

from __future__ import annotations

from datetime import timedelta

import pytest
from babel import Locale
from django.test import Client
from django.utils import timezone

from goals.models import Goal
from reports.dashboard.presenters.visits import UTC, project_on_map
from reports.dashboard.views.spy import render_message
from sites.models import Site
from tests.support import ask, browse, derive_number, event, read_html, record
from tests.support.types import Store


@pytest.fixture
def mary(site: Site, store: Store) -> int:
    """Mary came yesterday and a minute ago."""
    now = timezone.now()
    browse(site, "/old", at=now - timedelta(days=1), visitor="mary", person="mary", country="EE", city="Tallinn")
    browse(site, "/a", "/b", at=now - timedelta(minutes=1), visitor="mary", person="mary", country="EE", city="Tallinn",
           source="Google", latitude=59.4, longitude=24.7)  # fmt: skip
    return derive_number("device", site.pk, "mary")


def test_visits_can_be_searched_by_name_place_and_page(inside: Client, site: Site, mary: int) -> None:
    browse(site, "/other", at=timezone.now() - timedelta(minutes=2), visitor="tom", person="tom", country="DE")
    for words, found in (("mary", "mary"), ("tallinn", "mary"), ("/other", "tom"), ("germany", "tom")):
        html = read_html(inside.get(f"/sites/{site.pk}/visitors", {"q": words, "period": "7d"}))
        assert f">{found}</a>" in html
        assert f">{'tom' if found == 'mary' else 'mary'}</a>" not in html
    assert "No visits found" in read_html(inside.get(f"/sites/{site.pk}/visitors", {"q": "zzz"}))


def test_a_visitors_page_shows_every_visit_with_its_actions(inside: Client, site: Site, mary: int) -> None:
    html = read_html(inside.get(f"/sites/{site.pk}/visitors/{mary}"))
    assert html.count('class="panel visit"') == 2
    assert all(f">{page}</strong>" in html for page in ("/old", "/a", "/b"))
    assert html.index(">/b</strong>") < html.index(">/old</strong>")
    assert inside.get(f"/sites/{site.pk}/visitors/12345").status_code == 404
    assert inside.get(f"/sites/{site.pk}/visits/12345").status_code == 404


def test_a_person_is_one_visitor_on_all_devices_with_complete_visits(inside: Client, site: Site, store: Store) -> None:
    now = timezone.now() - timedelta(minutes=3)
    phone = [event(site, "/before-log-in", at=now, visitor="phone", visit=1),
             event(site, "/after", at=now + timedelta(seconds=9), visitor="phone", visit=1, visit_start=now,
                   person="zoe", tags={"username": "zoe"})]  # fmt: skip
    record(*phone)
    browse(
        site, "/desk", at=now + timedelta(minutes=1), visitor="desk", visit=2, person="zoe", tags={"username": "zoe"}
    )
    browse(site, "/other", at=now + timedelta(minutes=1), visitor="al", visit=3)
    counted = ask(site, "visitors", "visits", "views", now=timezone.now())
    assert counted == {"visitors": 2, "visits": 3, "views": 4}
    for device in ("phone", "desk"):
        html = read_html(inside.get(f"/sites/{site.pk}/visitors/{derive_number('device', site.pk, device)}"))
        assert all(f">{page}</strong>" in html for page in ("/before-log-in", "/after", "/desk"))
        assert "/other" not in html and html.count('class="panel visit"') == 2


def test_visits_can_be_searched_by_the_value_of_any_tag(inside: Client, site: Site, store: Store) -> None:
    now = timezone.now() - timedelta(minutes=3)
    browse(site, "/a", at=now, visitor="a", person="ann", tags={"username": "ann", "plan": "Enterprise", "crm": "7781"})
    browse(site, "/b", at=now, visitor="b", person="bea", tags={"username": "bea", "plan": "Free"})
    for words in ("enterprise", "7781", "ann"):
        html = read_html(inside.get(f"/sites/{site.pk}/visitors", {"q": words, "period": "7d"}))
        assert ">ann</a>" in html and ">bea</a>" not in html, words


def test_time_on_a_page_is_the_sum_of_its_pings(inside: Client, site: Site, store: Store) -> None:
    at = timezone.now() - timedelta(minutes=1)
    view = event(site, "/read", at=at, visitor="r", visit=5)
    pings = [event(site, "/read", at=at + timedelta(seconds=s), visitor="r", visit=5, kind="ping", engaged=10_000,
                   view_id=view["id"]) for s in (10, 20)]  # fmt: skip
    record(view, *pings)
    assert '<span class="duration soft" dir="auto">20s</span>' in read_html(inside.get(f"/sites/{site.pk}/visits/5"))


def test_spy_lists_actions_newest_first_without_scripts(inside: Client, site: Site, mary: int) -> None:
    html = read_html(inside.get(f"/sites/{site.pk}/spy"))
    assert html.index(">/b</a>") < html.index(">/a</a>") and "Tallinn, Estonia" in html and "Google" in html
    assert "Reload" in html


def test_a_ping_in_the_stream_carries_seconds(site: Site) -> None:
    told = render_message(event(site, "/", kind="ping", engaged=7_400, view_id=3), site.pk, UTC, Locale("en"))
    assert told == b'event: ping\ndata: {"view": "3", "seconds": 7}\n\n'


def test_places_are_projected_as_on_the_map() -> None:
    tallinn, sydney = project_on_map(59.4, 24.7), project_on_map(-33.9, 151.2)
    assert tallinn and sydney
    assert 480 < float(tallinn[0]) < 560 and float(tallinn[1]) < 110
    assert float(sydney[0]) > 780 and float(sydney[1]) > 290
    assert project_on_map(0, 0) is None


def test_a_goal_can_be_tried_on_last_week_before_it_is_saved(inside: Client, site: Site, mary: int) -> None:
    form = {
        "name": "Sees B",
        "kind": "page",
        "pattern_kind": "exact",
        "pattern": "/b",
        "conversion": "on",
        "active": "on",
    }
    path = f"/sites/{site.pk}/goals/new"
    tried = read_html(inside.post(path, {**form, "try": "1"}))
    assert 'have counted <span title="1">1</span> visitors in 1 visits' in tried and not Goal.objects.exists()
    assert inside.post(path, {**form, "save": "1"}).status_code == 302
    goal = Goal.objects.get()
    html = read_html(inside.get(f"/sites/{site.pk}/goals"))
    assert "Sees B" in html and f"/goals/{goal.pk}/report" in html
    wrong = inside.post(path, {**form, "name": "Other", "pattern": ""}).content.decode()
    assert "Give the path of a page" in wrong


def test_the_ingestion_audit_adds_up_and_shows_reasons(inside: Client, site: Site, store: Store) -> None:
    at = (timezone.now() - timedelta(minutes=2)).strftime("%Y-%m-%d %H:%M:00")
    record(event(site, "/", at=timezone.now() - timedelta(minutes=2)))
    store.insert_rows("received", [{"site_id": site.pk, "minute": at, "hits": 4}])
    store.insert_rows("refusals", [{"site_id": site.pk, "minute": at, "reason": "wrong_host", "hits": 3}])
    html = read_html(inside.get(f"/sites/{site.pk}/ledger?period=today"))
    assert "<strong>4</strong>" in html and "<strong>1</strong>" in html and "<strong>3</strong>" in html
    assert "host name is not one of the site" in html


def test_bots_are_listed_with_a_reason_and_in_no_report(inside: Client, site: Site, store: Store) -> None:
    made = event(site, "/", at=timezone.now() - timedelta(minutes=2), user_agent="GPTBot/1.2")
    store.insert_rows("bots", [{**made, "reason": "ai_training: gptbot"}])
    html = inside.get(f"/sites/{site.pk}/bots?period=today").content.decode()
    assert "GPTBot/1.2" in html and "AI, " in html
    assert "Visitors: 0" in inside.get(f"/sites/{site.pk}/?period=today").content.decode()
