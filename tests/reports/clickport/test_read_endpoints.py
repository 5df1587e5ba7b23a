"""Clickport's GET endpoints: breakdowns, goals, realtime, the ingestion audit, and unknown addresses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from goals.services import goal_create
from sites import site_cache
from sites.models import Site
from sites.services import api_key_create
from tests.support import browse, event, record
from tests.support.clickport_client import Api
from tests.support.types import Store
from tracking import store as event_store

pytestmark = pytest.mark.django_db
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
DAY = timedelta(days=1)
YESTERDAY: dict[str, Any] = {"start_date": str(NOON.date()), "end_date": str(NOON.date() + DAY)}
ADDRESSES = (
    "pages", "sources", "referrers", "countries", "campaigns", "utm-sources", "utm-mediums", "utm-content", "utm-term",
    "entry-pages", "exit-pages", "tech", "goals", "realtime", "ledger",
)  # fmt: skip


@pytest.fixture
def api(api_key: str, store: Store) -> Api:
    return Api(api_key)


@pytest.fixture
def traffic(site: Site, store: Store) -> None:
    """Yesterday: ann sees two pages through a campaign, ben one."""
    browse(site, "/", "/pricing", at=NOON, visitor="ann", country="EE", source="Google", scroll=60, engaged=20_000,
           utm_campaign="spring", utm_source="google", utm_medium="cpc", utm_content="blue", utm_term="shoes",
           browser="Chrome", os="Windows", device_type="Desktop", referrer="https://www.google.com/",
           step=timedelta(seconds=40))  # fmt: skip
    browse(site, "/", at=NOON, visitor="ben", country="DE", device_type="Mobile", scroll=20)


@pytest.mark.parametrize(
    ("address", "rows"),
    [
        ("pages", [
            {"page": "/", "visitors": 2, "pageviews": 2, "scroll": 40, "duration": 10, "avg_scroll": 40,
             "avg_duration": 10},
            {"page": "/pricing", "visitors": 1, "pageviews": 1, "scroll": 60, "duration": 20, "avg_scroll": 60,
             "avg_duration": 20},
        ]),
        ("sources", [
            {"source": "Direct", "visitors": 1, "bounce": 100, "engagement": 10, "bounce_rate": 100},
            {"source": "Google", "visitors": 1, "bounce": 0, "engagement": 63, "bounce_rate": 0},
        ]),
        ("referrers", [
            {"referrer_url": "https://www.google.com/", "visitors": 1, "bounce": 0, "bounce_rate": 0},
        ]),
        ("countries", [{"country": "DE", "visitors": 1}, {"country": "EE", "visitors": 1}]),
        ("campaigns", [{"campaign": "spring", "source": "google", "medium": "cpc", "visitors": 1}]),
        ("utm-sources", [{"utm_source": "google", "visitors": 1}]),
        ("utm-mediums", [{"utm_medium": "cpc", "visitors": 1}]),
        ("utm-content", [{"utm_content": "blue", "visitors": 1}]),
        ("utm-term", [{"utm_term": "shoes", "visitors": 1}]),
        ("entry-pages", [{"entry_page": "/", "sessions": 2}]),
        ("exit-pages", [{"exit_page": "/", "sessions": 1}, {"exit_page": "/pricing", "sessions": 1}]),
        ("tech", [{"device": "Desktop", "visitors": 1}, {"device": "Mobile", "visitors": 1}]),
        ("tech?type=browser", [{"browser": "", "visitors": 1}, {"browser": "Chrome", "visitors": 1}]),
        ("tech?type=os", [{"os": "", "visitors": 1}, {"os": "Windows", "visitors": 1}]),
    ],
)  # fmt: skip
def test_a_breakdown_has_its_described_columns(
    api: Api, traffic: None, address: str, rows: list[dict[str, Any]]
) -> None:
    path, _, query = address.partition("?")
    given: dict[str, Any] = dict([query.split("=")]) if query else {}
    found = api.get(f"/api/{path}", **YESTERDAY, **given)["results"]
    assert sorted(found, key=str) == sorted(rows, key=str)


def test_the_end_date_is_exclusive_and_dates_are_optional(api: Api, traffic: None) -> None:
    before = api.get("/api/countries", start_date=str(NOON.date() - DAY), end_date=str(NOON.date()))
    assert before == {"results": []}
    assert len(api.get("/api/countries")["results"]) == 2
    assert len(api.get("/api/countries", start_date=str(NOON.date()))["results"]) == 2
    assert len(api.get("/api/countries", end_date=str(NOON.date() + DAY))["results"]) == 2


def test_limit_and_offset_page_through_a_breakdown(api: Api, traffic: None) -> None:
    whole = api.get("/api/pages", **YESTERDAY)["results"]
    parts = [api.get("/api/pages", **YESTERDAY, limit=1, offset=n)["results"][0] for n in (0, 1)]
    assert parts == whole


def test_a_goal_has_its_visitors_and_a_count_named_by_its_type(api: Api, site: Site, traffic: None) -> None:
    form = goal_create(site=site, name="Contact Form", kind="form", pattern="contact")
    sale = goal_create(site=site, name="Purchase", kind="event", pattern="Purchase")
    seen = goal_create(site=site, name="Prices", pattern="/pricing", fixed_revenue="2.50")
    never = goal_create(site=site, name="Never", pattern="/never")
    record(
        event(site, at=NOON, visitor="ann", kind="form", name="contact"),
        event(site, at=NOON, visitor="ben", kind="form", name="contact"),
        event(site, at=NOON + DAY / 24, visitor="ben", kind="form", name="contact"),
        event(site, at=NOON, visitor="ann", kind="event", name="Purchase", revenue=49.99, currency="EUR"),
    )
    assert api.get("/api/goals", **YESTERDAY) == {
        "goals": [
            {"id": form.pk, "name": "Contact Form", "type": "form", "visitors": 2, "submissions": 3},
            {"id": seen.pk, "name": "Prices", "type": "pageview", "visitors": 1, "events": 1, "total_revenue": 2.5},
            {"id": sale.pk, "name": "Purchase", "type": "custom", "visitors": 1, "events": 1, "total_revenue": 49.99},
            {"id": never.pk, "name": "Never", "type": "pageview", "visitors": 0, "events": 0},
        ]
    }


def test_realtime_shows_the_visitors_of_the_last_five_minutes(api: Api, site: Site) -> None:
    now = datetime.now(UTC)
    browse(site, "/", "/pricing", at=now - timedelta(minutes=3), visitor="ann", country="DE", city="Berlin",
           source="Google", device_type="Desktop", browser="Chrome", os="macOS", scroll=72,
           step=timedelta(minutes=2), visit=91823)  # fmt: skip
    browse(site, "/old", at=now - timedelta(minutes=20), visitor="old")
    assert api.get("/api/realtime") == {
        "count": 1,
        "visitors": [
            {"session_id": 91823, "entry_page": "/", "exit_page": "/pricing", "pageviews": 2, "duration": 120,
             "source": "Google", "country": "DE", "city": "Berlin", "device": "Desktop", "browser": "Chrome",
             "os": "macOS", "scroll": 72},
        ],
    }  # fmt: skip


def test_realtime_lists_at_most_twenty(api: Api, site: Site) -> None:
    now = datetime.now(UTC)
    for n in range(25):
        browse(site, at=now - timedelta(seconds=n), visitor=n)
    answer = api.get("/api/realtime")
    assert (answer["count"], len(answer["visitors"])) == (25, 20)


def test_the_ingestion_audit_counts_every_hit(api: Api, site: Site, traffic: None) -> None:
    at = NOON.replace(tzinfo=None)
    event_store.insert_rows("received", [{"site_id": site.pk, "minute": at, "hits": 9}])
    event_store.insert_rows(
        "refusals",
        [
            {"site_id": site.pk, "minute": at, "reason": word, "hits": n}
            for word, n in (("wrong_host", 4), ("duplicate", 2))
        ],
    )
    answer = api.get("/api/ledger", **YESTERDAY)
    whole = {"received": 9, "stored": 3, "duplicates": 2, "refused": {"wrong_host": 4}}
    assert answer["totals"] == whole
    assert answer["results"] == [{"time": str(NOON.date()), **whole}]
    minutes = api.get("/api/ledger", **YESTERDAY, interval="minute")["results"]
    assert [row["time"] for row in minutes] == [NOON.isoformat()]
    assert "at most" in api.get("/api/ledger", 400, interval="minute")["message"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_endpoint_needs_a_key_that_may_read(api: Api, site: Site, address: str) -> None:
    assert Api().get(f"/api/{address}", 401)["error"] == "Unauthorized"
    assert Api("ck_no").get(f"/api/{address}", 401) == {"error": "Unauthorized", "message": "Invalid API key"}
    tracker = api_key_create(site=site, name="tracker", can_read=False)[1]
    site_cache.refresh()
    assert Api(tracker).get(f"/api/{address}", 403)["error"] == "Forbidden"


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_key_of_another_site_sees_nothing_of_this_one(
    api: Api, site: Site, traffic: None, charlies_site: Site, address: str
) -> None:
    goal_create(site=site, name="Mine", pattern="/")
    stranger = Api(api_key_create(site=charlies_site, name="charlie")[1])
    site_cache.refresh()
    answer = stranger.get(f"/api/{address}", site_id=site.pk)
    assert not answer.get("results") and not answer.get("goals") and not answer.get("visitors")


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"start_date": "yesterday"}, "start_date"),
        ({"start_date": "0000-01-01"}, "start_date"),
        ({"end_date": "9999-01-01"}, "end_date"),
        ({"start_date": "2026-03-02", "end_date": "2026-03-01"}, "end_date"),
        ({"timezone": "Mars"}, "timezone"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "1e9"}, "limit"),
        ({"limit": "٣"}, "limit"),
        ({"offset": "x"}, "offset"),
        ({"start_date": "2026-03-0\x00"}, "start_date"),
    ],
)
def test_an_invalid_parameter_is_reported_by_name(api: Api, given: dict[str, str], where: str) -> None:
    answer = api.get("/api/pages", 400, **given)
    assert answer["error"] == "Bad Request" and answer["message"].startswith(f"{where}: ")


def test_an_unknown_tech_type_lists_the_known_ones(api: Api) -> None:
    assert "device, browser, os" in api.get("/api/tech", 400, type="car")["message"]


@pytest.mark.parametrize("path", ["/api/nothing", "/api/", "/api/query/x", "/api/pages/"])
def test_an_unknown_address_is_answered_as_json(api: Api, path: str) -> None:
    assert api.get(path, 404) == {"error": "Not Found", "message": "Endpoint not found"}


def test_an_unknown_address_requires_no_csrf_token() -> None:
    for method in ("post", "delete", "put"):
        answer = getattr(Client(enforce_csrf_checks=True), method)("/api/v1/nothing")
        assert answer.status_code == 404 and answer.json()["message"] == "Endpoint not found"
