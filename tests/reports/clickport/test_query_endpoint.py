"""POST /api/query: any metrics by any dimensions, with Clickport's names and shapes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reports.clickport.vocabulary import CLICKPORT_DIMENSIONS, METRIC_NAMES
from sites import site_cache
from sites.models import Site
from sites.services import api_key_create, site_update
from tests.support import browse
from tests.support.clickport_client import Api
from tests.support.types import Store

pytestmark = pytest.mark.django_db
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
def api(api_key: str, store: Store) -> Api:
    return Api(api_key)


@pytest.fixture
def traffic(site: Site, store: Store) -> None:
    """Yesterday: ann (EE) sees two pages, ben and cat (DE) one each; ann comes again an hour later."""
    browse(site, "/", "/pricing", at=NOON, visitor="ann", country="EE", source="Google", scroll=80)
    browse(site, "/", at=NOON + timedelta(hours=1), visitor="ann", country="EE", scroll=40)
    browse(site, "/", at=NOON, visitor="ben", country="DE")
    browse(site, "/blog", at=NOON, visitor="cat", country="DE", source="Google")


def ask(api: Api, **body: Any) -> Any:
    return api.post({"period": "yesterday", **body})["results"]


def test_an_empty_query_returns_todays_visitors(api: Api, site: Site) -> None:
    assert api.post({})["results"] == {"visitors": 0}


def test_totals_are_one_object_of_numbers(api: Api, traffic: None) -> None:
    asked = ["visitors", "sessions", "pageviews", "views_per_visit", "bounce_rate"]
    assert ask(api, metrics=asked) == {
        "visitors": 3, "sessions": 4, "pageviews": 5, "views_per_visit": 1.25, "bounce_rate": 75,
    }  # fmt: skip


def test_a_breakdown_is_a_list_with_dimension_and_metrics_in_one_object(api: Api, traffic: None) -> None:
    assert ask(api, metrics=["visitors", "pageviews"], dimensions=["page"], limit=2) == [
        {"page": "/", "visitors": 2, "pageviews": 3},
        {"page": "/blog", "visitors": 1, "pageviews": 1},
    ]


def test_rows_have_both_of_two_dimensions(api: Api, traffic: None) -> None:
    rows = ask(api, metrics=["sessions"], dimensions=["country", "source"])
    assert {(row["country"], row["source"]): row["sessions"] for row in rows} == {
        ("EE", "Google"): 1, ("EE", "Direct"): 1, ("DE", "Google"): 1, ("DE", "Direct"): 1,
    }  # fmt: skip


def test_direct_can_be_used_as_a_filter_value(api: Api, traffic: None) -> None:
    wanted = [{"dimension": "source", "operator": "is", "value": "Direct"}]
    assert ask(api, metrics=["sessions"], filters=wanted) == {"sessions": 2}
    unwanted = [{"dimension": "source", "operator": "is_not", "value": ["Direct"]}]
    assert ask(api, metrics=["sessions"], filters=unwanted) == {"sessions": 2}


@pytest.mark.parametrize(
    ("operator", "value", "sessions"),
    [
        ("is", "EE", 2),
        ("is", ["EE", "DE"], 4),
        ("is_not", "EE", 2),
        ("is_not", ["EE", "DE"], 0),
        ("contains", "e", 4),
        ("not_contains", "d", 2),
        ("starts_with", "D", 2),
        ("ends_with", "E", 4),
    ],
)
def test_a_filter_narrows_by_its_operator(api: Api, traffic: None, operator: str, value: Any, sessions: int) -> None:
    filters = [{"dimension": "country", "operator": operator, "value": value}]
    assert ask(api, metrics=["sessions"], filters=filters) == {"sessions": sessions}


def test_filters_are_combined_with_and_and_groups_may_use_or(api: Api, traffic: None) -> None:
    estonia = {"dimension": "country", "operator": "is", "value": "EE"}
    google = {"dimension": "source", "operator": "is", "value": "Google"}
    assert ask(api, metrics=["sessions"], filters=[estonia, google]) == {"sessions": 1}
    assert ask(api, metrics=["sessions"], filters=[{"or": [estonia, google]}]) == {"sessions": 3}
    assert ask(api, metrics=["sessions"], filters=[{"not": estonia}]) == {"sessions": 2}


def test_days_come_oldest_first_and_empty_ones_too(api: Api, traffic: None) -> None:
    rows = api.post({"metrics": ["visitors"], "dimensions": ["date"], "period": "7d"})["results"]
    days = [str((NOON + timedelta(days=n)).date()) for n in range(-5, 2)]
    assert [row["date"] for row in rows] == days
    assert [row["visitors"] for row in rows] == [0, 0, 0, 0, 0, 3, 0]


def test_the_end_of_a_date_range_is_exclusive(api: Api, traffic: None) -> None:
    day = NOON.date()
    alone = {"start": str(day), "end": str(day + timedelta(days=1))}
    before = {"start": str(day - timedelta(days=3)), "end": str(day)}
    assert ask(api, date_range=alone) == {"visitors": 3}
    assert ask(api, date_range=before) == {"visitors": 0}


def test_results_can_be_ordered_by_another_metric_and_ascending(api: Api, traffic: None) -> None:
    rows = ask(api, metrics=["visitors", "pageviews"], dimensions=["page"], order_by="pageviews", order_dir="asc")
    assert [row["pageviews"] for row in rows] == [1, 1, 3]


def test_pages_of_results_do_not_overlap(api: Api, traffic: None) -> None:
    whole = ask(api, metrics=["pageviews"], dimensions=["page"])
    parts = [ask(api, metrics=["pageviews"], dimensions=["page"], limit=1, offset=n)[0] for n in range(len(whole))]
    assert parts == whole


def test_a_comparison_has_the_shape_of_the_results_and_the_change_in_percent(api: Api, site: Site) -> None:
    browse(site, "/a", at=NOON, visitor="ann")
    browse(site, "/a", "/a", at=NOON - timedelta(days=1), visitor="ann")
    browse(site, "/a", at=NOON - timedelta(days=1), visitor="ben")
    answer = api.post({"metrics": ["pageviews"], "period": "yesterday", "include_comparison": True})
    assert answer["results"] == {"pageviews": 1}
    assert answer["comparison"] == {"pageviews": 3}
    assert answer["change"] == {"pageviews": -66.67}
    broken = api.post(
        {"metrics": ["pageviews"], "dimensions": ["page"], "period": "yesterday", "include_comparison": True}
    )
    assert broken["comparison"] == [{"page": "/a", "pageviews": 3}]
    assert broken["change"] == [{"page": "/a", "pageviews": -66.67}]


def test_a_change_from_zero_is_null(api: Api, traffic: None) -> None:
    answer = api.post({"period": "yesterday", "include_comparison": True})
    assert (answer["comparison"], answer["change"]) == ({"visitors": 0}, {"visitors": None})


def test_meta_describes_the_executed_query(api: Api, traffic: None) -> None:
    meta = api.post({"period": "yesterday", "timezone": "Asia/Kathmandu", "metric": 1})["meta"]
    assert meta["timezone"] == "Asia/Kathmandu"
    assert meta["start"].startswith(str(NOON.date())[:7]) and meta["exact"] is True
    assert meta["ignored"] == ["“metric”"]


def test_days_begin_at_midnight_of_the_time_zone(api: Api, site: Site) -> None:
    browse(site, "/", at=NOON.replace(hour=20), visitor="late")
    tokyo = {"start": str(NOON.date() + timedelta(days=1)), "end": str(NOON.date() + timedelta(days=2))}
    assert ask(api, date_range=tokyo, timezone="Asia/Tokyo") == {"visitors": 1}
    assert ask(api, date_range=tokyo) == {"visitors": 0}


@pytest.mark.parametrize("metric", sorted(METRIC_NAMES))
def test_every_metric_returns_a_number(api: Api, traffic: None, metric: str) -> None:
    assert isinstance(ask(api, metrics=[metric])[metric], int | float)


@pytest.mark.parametrize("dimension", CLICKPORT_DIMENSIONS)
def test_every_documented_dimension_breaks_down(api: Api, traffic: None, dimension: str) -> None:
    rows = ask(api, metrics=["visitors"], dimensions=[dimension])
    assert all(set(row) == {dimension, "visitors"} for row in rows)


BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({"metrics": ["guests"]}, "metrics[0]"),
    ({"metrics": "visitors"}, "metrics"),
    ({"metrics": []}, "metrics"),
    ({"metrics": [1]}, "metrics[0]"),
    ({"dimensions": ["planet"]}, "dimensions[0]"),
    ({"dimensions": ["referrer"]}, "dimensions[0]"),
    ({"period": "fortnight"}, "period"),
    ({"period": 7}, "period"),
    ({"date_range": {"start": "2026-03-01"}}, "date_range"),
    ({"date_range": {"start": "2026-03-01", "end": "2026-03-01"}}, "date_range.end"),
    ({"date_range": {"start": "0000-00-00", "end": "2026-03-01"}}, "date_range.start"),
    ({"date_range": {"start": "2026-03-01", "end": "9999-12-31"}}, "date_range.end"),
    ({"filters": {"dimension": "country"}}, "filters"),
    ({"filters": [{"dimension": "planet", "value": "Mars"}]}, "filters[0].dimension"),
    ({"filters": [{"dimension": "country", "operator": "like", "value": "x"}]}, "filters[0].operator"),
    ({"filters": ["country"]}, "filters[0]"),
    ({"order_by": "pageviews"}, "order_by"),
    ({"order_dir": "up", "order_by": "visitors"}, "order_dir"),
    ({"limit": -1}, "limit"),
    ({"limit": "10"}, "limit"),
    ({"limit": True}, "limit"),
    ({"offset": -5}, "offset"),
    ({"timezone": "Mars/Olympus"}, "timezone"),
    ({"include_comparison": "yes"}, "include_comparison"),
]


@pytest.mark.parametrize(("body", "where"), BAD_BODIES)
def test_an_invalid_field_is_reported_with_its_place(api: Api, body: dict[str, Any], where: str) -> None:
    answer = api.post(body, 400)
    assert set(answer) == {"error", "message"}
    assert answer["error"] == "Bad Request"
    assert answer["message"].startswith(f"{where}: ")


def test_without_a_valid_key_nothing_is_returned(site: Site) -> None:
    wrong = Api("ck_wrong").post({}, 401)
    assert wrong == {"error": "Unauthorized", "message": "Invalid API key"}
    assert Api().post({}, 401)["error"] == "Unauthorized"


def test_a_key_that_may_only_track_gets_a_hint(site: Site) -> None:
    plain = api_key_create(site=site, name="tracker", can_read=False)[1]
    site_cache.refresh()
    answer = Api(plain).post({}, 403)
    assert answer["error"] == "Forbidden"
    assert "can only send events" in answer["message"]


def test_a_key_gives_access_only_to_its_own_site(api: Api, charlies_site: Site, traffic: None) -> None:
    stranger = Api(api_key_create(site=charlies_site, name="charlie")[1])
    site_cache.refresh()
    assert ask(stranger) == {"visitors": 0}
    mine = [{"dimension": "site", "operator": "is", "value": str(charlies_site.pk)}]
    api.post({"filters": mine}, 400)


def test_a_segment_or_goal_of_another_site_is_treated_as_missing(api: Api, charlies_site: Site) -> None:
    from goals.services import goal_create, segment_create

    goal = goal_create(site=charlies_site, name="Theirs", pattern="/")
    theirs = {"dimension": "country", "operator": "is", "value": ["EE"]}
    segment = segment_create(site=charlies_site, name="Theirs", filter=theirs, shared=True)
    for named in ({"goal": goal.pk}, {"segment": segment.pk}):
        assert "There is no" in api.post({"filters": [named]}, 400)["message"]


def test_too_many_requests_get_429(api: Api, site: Site) -> None:
    site.account.limits = {"clickport_per_minute": 1}
    site.account.save()
    site_update(site=site)
    codes = [api.client.post("/api/query", {}, content_type="application/json", headers=api.headers) for _ in range(3)]
    last = codes[-1]
    assert last.status_code == 429
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert last.json()["error"] == "Too Many Requests"


NO_BODIES = [b"{", b"[]", b"null", b"\xff\xfe", b'{"metrics": NaN}', b"[" * 100_000]


@pytest.mark.parametrize("raw", NO_BODIES)
def test_a_body_that_is_not_an_object_is_rejected(api: Api, raw: bytes) -> None:
    answer = api.client.post("/api/query", raw, content_type="application/json", headers=api.headers)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "message"}


def test_a_body_without_content_type_is_read(api: Api, traffic: None) -> None:
    answer = api.client.post(
        "/api/query", b'{"period": "yesterday"}', content_type="application/x-www-form-urlencoded",
        headers=api.headers,
    )  # fmt: skip
    assert answer.json()["results"] == {"visitors": 3}


def test_a_huge_body_is_rejected_before_it_is_read(api: Api) -> None:
    answer = api.client.post(
        "/api/query", b'{"search": "' + b"x" * 300_000 + b'"}', content_type="application/json",
        headers=api.headers,
    )  # fmt: skip
    assert answer.status_code == 413


def test_another_method_is_rejected_in_the_same_shape(api: Api) -> None:
    answer = api.client.get("/api/query", headers=api.headers)
    assert (answer.status_code, answer.json()["error"]) == (405, "Method Not Allowed")
