"""Hostile requests to the Clickport and Clicky APIs get an error in their own form, never a 500."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.clicky.filters import FILTERS
from sites.models import Site
from tests.support.clickport_client import Api
from tests.support.clicky_client import Clicky
from tests.support.turns import count_examples, list_turns
from tests.support.types import Store

pytestmark = pytest.mark.django_db
HOSTILE = (
    "' OR 1=1 --", "'; DROP TABLE events; --", "\\", "{site:UInt64}", "%s%d{0}", "\x00", "a\x00b", "\ud800",
    "<script>alert(1)</script>", "x" * 5_000, "[", "(?P<", "((((((((a)*)*)*)*)*)*)*)*$", "٣", "1e999", "-1", "NaN",
    "../../etc/passwd", "\u202e", "🙂" * 300, "0x10", "2026-02-30", "0000-00-00", "9999-12-31", "*" * 50,
)  # fmt: skip
PLACES: tuple[Any, ...] = (
    lambda bad: {"metrics": [bad]},
    lambda bad: {"dimensions": [bad]},
    lambda bad: {"dimensions": [f"prop:{bad}"]},
    lambda bad: {"period": bad},
    lambda bad: {"date_range": {"start": bad, "end": bad}},
    lambda bad: {"timezone": bad},
    lambda bad: {"order_by": bad},
    lambda bad: {"dimensions": ["page"], "search": bad},
    lambda bad: {"filters": [{"dimension": bad, "operator": "is", "value": "x"}]},
    lambda bad: {"filters": [{"dimension": "country", "operator": bad, "value": "x"}]},
    lambda bad: {"filters": [{"dimension": "page", "operator": "matches", "value": bad}]},
    lambda bad: {"filters": [{"dimension": f"tag:{bad}", "operator": "is", "value": bad}]},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
FIELDS = ("metrics", "dimensions", "period", "date_range", "filters", "order_by", "order_dir", "limit", "offset",
          "timezone", "include_comparison", "compare", "totals", "exact", "search")  # fmt: skip


@pytest.fixture
def api(site: Site, api_key: str, store: Store) -> Api:
    site.account.limits = {"clickport_per_minute": 0, "clicky_per_minute": 0}
    site.account.save()
    return Api(api_key)


def posted(api: Api, body: Any) -> tuple[int, Any, float]:
    begun = time.perf_counter()
    answer = api.client.post("/api/query", body, content_type="application/json", headers=api.headers)
    return answer.status_code, answer.json(), time.perf_counter() - begun


@pytest.mark.parametrize("turns", list_turns(2))
@pytest.mark.parametrize("bad", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_anywhere_in_a_query_is_answered_or_rejected_with_a_message(
    api: Api, bad: str, turns: int
) -> None:
    for place in PLACES[HOSTILE.index(bad) % turns :: turns]:
        status, body, _ = posted(api, place(bad))
        assert status in (200, 400), (place(bad), body)
        if status == 400:
            assert set(body) == {"error", "message"} and len(body["message"]) < 2_500


@pytest.mark.parametrize(
    "body",
    [
        {"metrics": ["visitors"] * 10_000},
        {"filters": [{"dimension": "country", "operator": "is", "value": ["x"] * 10_000}]},
        {"filters": [{"dimension": "country", "operator": "is", "value": "x"}] * 10_000},
        {"limit": 10**30}, {"limit": -(10**9)}, {"offset": 10**12},
    ],
)  # fmt: skip
def test_long_lists_and_extreme_numbers_are_rejected_quickly(api: Api, body: Any) -> None:
    status, said, _ = posted(api, body)
    assert status in (400, 413), said


def test_deep_nesting_is_rejected(api: Api) -> None:
    deep: Any = {"dimension": "country", "operator": "is", "value": "EE"}
    for _ in range(60):
        deep = {"not": deep}
    assert "nested" in posted(api, {"filters": [deep]})[1]["message"]


@settings(max_examples=count_examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5))
def test_any_json_is_answered_or_rejected(api: Api, body: dict[str, Any]) -> None:
    assert posted(api, body)[0] in (200, 400)


@pytest.mark.parametrize("turns", list_turns(4))
@pytest.mark.parametrize("name", ["start_date", "end_date", "timezone", "limit", "offset", "type", "interval"])
def test_a_hostile_parameter_of_a_get_is_rejected_with_a_message(api: Api, name: str, turns: int) -> None:
    for turn, bad in enumerate(HOSTILE, len(name)):
        if bad == "\ud800":
            continue
        for path in ("/api/pages", "/api/tech", "/api/goals", "/api/ledger")[turn % turns :: turns]:
            answer = api.client.get(path, {name: bad}, headers=api.headers)
            assert answer.status_code in (200, 400), (path, name, bad)


NAMES = ("type", "date", "output", "limit", "page", "item", "filter", "segments", "visitor-details", "time_offset",
         "json_callback", "json_var", "app", "alert_id", "goal", "custom", "custom[a]", *FILTERS)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_parameter_never_breaks_the_stats_api(api: Api, site: Site, name: str) -> None:
    """Every fourth text, by turns in a list of people and in a list of values: each meets every fourth parameter."""
    types = ("visitors-list", "pages")
    for number, bad in enumerate(HOSTILE, NAMES.index(name)):
        if number % 4 == 0:
            check_stats_api(api.client, site, name, bad, types[number // 4 % 2])


@pytest.mark.heavy
@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_parameter_never_breaks_a_request_for_two_types(api: Api, site: Site, name: str) -> None:
    for bad in HOSTILE:
        check_stats_api(api.client, site, name, bad, "visitors-list,pages")


def check_stats_api(client: Client, site: Site, name: str, bad: str, types: str) -> None:
    if bad == "\ud800":
        return
    asked = {"site_id": str(site.pk), "sitekey": site.sitekey, "type": types, "date": "today", name: bad}
    answer = client.get("/api/stats/4", asked)
    assert answer.status_code == 200, (name, bad)
    assert b"<script>alert(1)</script>" not in answer.content


@settings(max_examples=count_examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=st.dictionaries(st.sampled_from(NAMES), st.text(max_size=30), max_size=4))
def test_any_parameters_of_the_stats_api_are_answered(api: Api, site: Site, asked: dict[str, str]) -> None:
    asked = {name: value.encode(errors="replace").decode() for name, value in asked.items()}
    given_ = {"type": "visitors-list", **asked, "site_id": str(site.pk), "sitekey": site.sitekey}
    assert Client().get("/api/stats/4", given_).status_code == 200


def test_lone_surrogates_and_invalid_utf8_are_treated_as_text(api: Api, site: Site) -> None:
    caches["requests"].clear()
    query = f"site_id={site.pk}&sitekey={site.sitekey}&type=pages&item=%ED%A0%80%FF"
    assert Client().get("/api/stats/4", QUERY_STRING=query).status_code == 200
    assert Clicky(site).raw("pages", sitekey="\udcff".encode(errors="replace").decode()).status_code == 200
