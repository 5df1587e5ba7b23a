"""Every Clickport endpoint answers as recorded: to a valid key, to strangers, and to invalid requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.core.cache import caches

from goals.services import goal_create
from reports.clickport.urls import urlpatterns
from sites import site_cache
from sites.services import api_key_create, site_create
from tests.contract import clickport_calls as calls
from tests.contract.clickport_calls import ClickportCall
from tests.contract.event_calls import list_events
from tests.contract.golden_files import check_golden, check_names, describe_answer, describe_response
from tests.contract.test_documented_calls import traffic
from tests.support import insert_recorded
from tests.support.clickport_client import Api
from tests.support.endpoints import post_event
from tests.support.hits import reset_state as forget_visitors

pytestmark = pytest.mark.django_db
ADDRESSES = sorted(str(row.pattern) for row in urlpatterns)
READS = [address for address in ADDRESSES if address != "api/query"]
QUERIES = {"query": calls.list_queries, "query_metrics": calls.list_metrics, "query_dimensions": calls.list_dimensions}


def name_file(address: str) -> str:
    """`api/utm-sources` lies in clickport/utm-sources.json."""
    return f"clickport/{address.removeprefix('api/')}"


@pytest.fixture(scope="module")
def keys(people: Any) -> Any:
    """Keys of a busy site, of a site for events, and of a stranger's."""
    goal_create(site=people.site, name="Contact Form", kind="form", pattern="contact", id=1)
    goal_create(site=people.site, name="Purchase", kind="event", pattern="Purchase", id=2)
    traffic(people.site)
    insert_recorded()
    events = site_create(account=people.account, domain="example.com", by_operator=True)

    def make(site: Any, name: str, **may: Any) -> str:
        return api_key_create(site=site, name=name, **may)[1]

    return {
        "reader": make(people.site, "reader"), "stranger": make(people.theirs, "stranger"), "no key": "",
        "unknown key": "ck_unknown", "key that only tracks": make(people.site, "tracker", can_read=False),
        "tracker": make(events, "tracker"), "trusted": make(events, "server", trusted=True),
        "key that only reads": make(events, "reader", can_track=False),
    }  # fmt: skip


@pytest.fixture(autouse=True)
def fresh(keys: Any) -> Iterator[None]:
    """Sites and keys are known; nobody has come or asked before."""
    site_cache.refresh()
    forget_visitors()
    yield
    forget_visitors()


def record_calls(address: str, keys: dict[str, str], asked: Iterable[tuple[str, ClickportCall]]) -> dict[str, Any]:
    """The answers to all these calls."""
    return {name: record_call(address, keys, one) for name, one in asked}


def record_call(address: str, keys: dict[str, str], asked: ClickportCall) -> dict[str, Any]:
    """One call and its answer."""
    caches["requests"].clear()
    api, path = Api(keys[asked.who]), f"/{address}"
    if asked.method == "get":
        response = api.client.get(path, asked.given, headers=api.headers)
    else:
        response = api.client.post(path, asked.given, content_type="application/json", headers=api.headers)
    given = asked.given if isinstance(asked.given, dict) else ascii(asked.given)
    request = {"key": asked.who, "address": f"{asked.method.upper()} {path}", "given": given}
    return {"request": request, "answer": describe_response(response)}


@pytest.mark.parametrize("address", READS)
def test_an_endpoint_answers_as_it_was_recorded(keys: dict[str, str], address: str) -> None:
    found = record_calls(address, keys, calls.list_reads(address))
    check_golden(name_file(address), f"Clickport's GET /{address}", found)


@pytest.mark.parametrize("name", QUERIES)
def test_queries_answer_as_they_were_recorded(keys: dict[str, str], name: str) -> None:
    found = record_calls("api/query", keys, QUERIES[name]())
    check_golden(f"clickport/{name}", f"Clickport's POST /api/query ({name})", found)


def test_events_answer_as_they_were_recorded(keys: dict[str, str]) -> None:
    found = {}
    for name, (who, body, headers) in list_events():
        answer = post_event(body, keys[who], **headers)
        given = ascii(body) if isinstance(body, bytes) else body
        told = describe_answer(answer.status, answer.headers.get("content-type", ""), answer.body)
        request = {"key": who, "address": "POST /api/event", "given": given, "headers": headers}
        found[name] = {"request": request, "answer": told | {"x-event-dropped": answer.dropped}}
    check_golden("clickport/event", "Clickport's POST /api/event", found)


def test_unknown_addresses_answer_as_they_were_recorded(keys: dict[str, str]) -> None:
    found = {}
    for path in ("api/nothing", "api/", "api/query/x", "api/pages/"):
        for method in ("get", "post"):
            found[f"{method} {path}"] = record_call(path, keys, ClickportCall("reader", method, {}))
    check_golden("clickport/nothing", "Clickport's addresses that nobody answers", found)


def test_every_endpoint_has_a_golden_file_and_every_file_an_endpoint() -> None:
    others = [f"clickport/{name}" for name in (*QUERIES, "event", "nothing")]
    check_names("clickport", [*map(name_file, ADDRESSES), *others])
