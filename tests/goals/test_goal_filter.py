"""A goal in the filter: conversions, their rate, and numbers of the converting visits, without false zeros."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import User
from goals.models import Goal
from goals.services import goal_create, segment_create
from reports.query import Period, Query
from reports.query import ask as ask_engine
from sites.models import Site
from tests.support import NOW, browse, event, log_in, record
from tests.support.clickport_client import Api
from tests.support.types import Store

pytestmark = pytest.mark.django_db
VISIT_METRICS = ("visitors", "visits", "views", "bounce_rate", "events")


@pytest.fixture
def purchase(site: Site, store: Store) -> Any:
    """Three of four visitors saw /pricing; ann and ben bought, ann twice, after two views; cat looked at one page."""
    goal = goal_create(site=site, name="Purchase", kind="event", pattern="Purchase")
    with time_machine.travel(NOW, tick=False):
        at = NOW - timedelta(hours=2)
        for who, country, plans in (("ann", "DE", ("pro", "free")), ("ben", "EE", ("pro",))):
            first = browse(site, "/", "/pricing", at=at, visitor=who, country=country, source="Google")[0]
            same: dict[str, Any] = {"visit": first["visit"], "visit_start": at, "visitor": who, "country": country,
                                    "source": "Google"}  # fmt: skip
            record(*(
                event(site, "/checkout", at=at + timedelta(minutes=n + 1), kind="event", name="Purchase",
                      revenue=50.0, currency="EUR", props={"plan": plan}, **same)
                for n, plan in enumerate(plans)
            ))  # fmt: skip
        browse(site, "/pricing", at=at, visitor="cat", country="DE", source="Google")
        browse(site, "/", at=at, visitor="dan", country="DE", source="")
        yield goal


def query_key_figures(user: User, site: Site, query: str) -> dict[str, str]:
    answer = log_in(user).get(f"/sites/{site.pk}/?period=today&{query}", headers={"accept-language": "en"})
    assert answer.status_code == 200
    return {one.name: one.formatted.exact for one in answer.context["key_figures"].numbers}


def rows(user: User, site: Site, query: str, panel: str) -> dict[str, tuple[str, str]]:
    """Name -> (visitors, what stands beside them) of a panel."""
    answer = log_in(user).get(f"/sites/{site.pk}/?period=today&{query}", headers={"accept-language": "en"})
    (found,) = [one["table"] for one in answer.context["panels"] if one["id"] == f"panel-{panel}"]
    return {row.name: (row.formatted.exact, row.second.exact if row.second else "") for row in found.rows}


def test_with_a_goal_the_key_figures_are_of_the_converting_visits(site: Site, alice: User, purchase: Goal) -> None:
    assert query_key_figures(alice, site, f"goal={purchase.pk}") == {
        "visitors": "2", "conversions": "3", "conversion_rate": "50%", "revenue": "€150.00", "views": "4",
        "bounce_rate": "0%", "avg_duration": "1m 30s",
    }  # fmt: skip


def test_every_panel_shows_the_rate_of_the_goal(site: Site, alice: User, purchase: Goal) -> None:
    query = f"goal={purchase.pk}"
    assert rows(alice, site, query, "pages") == {"/": ("2", "66.7%"), "/pricing": ("2", "66.7%")}
    assert rows(alice, site, query, "places") == {"Germany": ("1", "33.3%"), "Estonia": ("1", "100%")}
    assert rows(alice, site, f"{query}&tab.sources=sources", "sources") == {"Google": ("2", "66.7%")}
    assert rows(alice, site, query, "events") == {"Purchase": ("2", "100%")}
    assert rows(alice, site, query, "goals") == {"Purchase": ("2", "3")}


def test_the_details_of_pages_under_a_goal_have_no_false_zeros(site: Site, alice: User, purchase: Goal) -> None:
    page = log_in(alice).get(f"/sites/{site.pk}/details/page?period=today&goal={purchase.pk}")
    assert [head.label for head in page.context["headers"]] == [
        "Page", "Visitors", "Conversion rate", "Visits", "Views", "Bounce rate", "Visit duration",
    ]  # fmt: skip
    assert [cell.exact for cell in page.context["lines"][0].cells[:4]] == ["2", "66.7%", "2", "2"]


def test_a_page_with_a_goal_means_visits_that_saw_the_page(site: Site, alice: User, purchase: Goal) -> None:
    """The goal is reached on /checkout; nobody wants to hear that no event of /pricing reaches it."""
    found = query_key_figures(alice, site, f"goal={purchase.pk}&page=/pricing")
    assert (found["visitors"], found["conversions"], found["conversion_rate"]) == ("2", "3", "66.7%")
    assert found["views"] == "2"  # of /pricing


def test_a_property_with_a_goal_is_that_of_the_event_that_reached_it(site: Site, alice: User, purchase: Goal) -> None:
    found = query_key_figures(alice, site, f"goal={purchase.pk}&prop:plan=free")
    assert (found["visitors"], found["conversions"], found["revenue"], found["views"]) == ("1", "1", "€50.00", "2")


def test_goal_is_not_selects_the_visits_that_did_not_reach_it(site: Site, alice: User, purchase: Goal) -> None:
    found = query_key_figures(alice, site, f"goal~is_not={purchase.pk}")
    assert (found["visitors"], found["views"]) == ("2", "2")


def test_a_segment_with_the_goal_gives_the_same_numbers(site: Site, alice: User, purchase: Goal) -> None:
    segment = segment_create(site=site, name="Buyers", filter=[{"goal": purchase.pk}], owner=alice, shared=True)
    found = query_key_figures(alice, site, f"segment={segment.pk}")
    assert (found["visitors"], found["views"], found["conversions"]) == ("2", "4", "3")


def test_all_dialects_give_the_same_numbers_for_a_goal(site: Site, alice: User, api_key: str, purchase: Goal) -> None:
    asked = {"metrics": ["visitors", "sessions", "pageviews", "conversions", "conversion_rate", "revenue"],
             "period": "today"}  # fmt: skip
    wanted = {"visitors": 2, "sessions": 2, "pageviews": 4, "conversions": 3, "conversion_rate": 50.0, "revenue": 150.0}
    for one in ({"goal": purchase.pk}, {"dimension": "goal", "operator": "is", "value": purchase.pk}):
        assert Api(api_key).post({**asked, "filters": [one]})["results"] == wanted


@pytest.mark.parametrize("by", ["country", "source", "page", "entry_page", "event", "day", "hour", "browser"])
def test_a_breakdown_has_the_visitors_of_the_goal_and_their_rate(site: Site, purchase: Goal, by: str) -> None:
    period = Period.parse("today", "UTC", NOW)
    metrics = (*VISIT_METRICS, "conversion_rate")
    told = ask_engine(
        Query(
            sites=(site.pk,), period=period, metrics=metrics, dimensions=(by,), where={"goal": purchase.pk}, fill=False
        ),
        now=NOW,
    ).rows
    everybody = ask_engine(
        Query(sites=(site.pk,), period=period, metrics=("visitors",), dimensions=(by,), fill=False), now=NOW
    ).rows
    all_of = {row[by]: row["visitors"] for row in everybody}
    assert told
    for row in told:
        if row["visitors"]:
            assert row["conversion_rate"] == pytest.approx(100 * row["visitors"] / all_of[row[by]]), row
