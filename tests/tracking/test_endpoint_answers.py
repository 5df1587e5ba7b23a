"""Whatever is sent to the endpoints: a valid response, never an error, and the ingestion audit balances."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from sites.models import Site
from tests.support import state
from tests.support.endpoints import count_hits, exchange, is_balanced, list_stored_rows, post_event, send_request
from tests.support.hits import reset_state
from tests.support.turns import count_examples
from tracking import collector, ingestion, live
from tracking.web import GIF

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    reset_state()
    yield
    reset_state()


def test_more_than_64_kilobytes_are_too_large(site: Site, api_key: str) -> None:
    for answer in (
        post_event(b"x" * 70_000, api_key),
        send_request("/in.php", "a" * 70_000),
        send_request("/in.php", {"site_id": site.pk}, method="POST", body=b"a" * 70_000),
    ):
        assert (answer.status, answer.dropped) == (413, "too_large")
    assert count_hits() == {"received": 3, "stored": 0, "too_large": 3}


def test_cors_allows_the_origin_of_a_request_or_any_origin(site: Site) -> None:
    named = send_request("/in.php", {"site_id": site.pk}, origin="https://example.com")
    assert named.headers["access-control-allow-origin"] == "https://example.com"
    assert named.headers["access-control-allow-credentials"] == "true" and named.headers["vary"] == "origin"
    anybody = send_request("/in.php", {"site_id": site.pk})
    assert anybody.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in anybody.headers


@pytest.mark.parametrize("path", ["/in.php", "/api/event", "/js", "/1ns.gif"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "BREW", "PATCH"])
def test_other_methods_get_405_with_the_allowed_ones(path: str, method: str) -> None:
    answer = send_request(path, method=method)
    assert answer.status == 405 and answer.headers["allow"]


def test_responses_to_beacons_are_never_cached(site: Site) -> None:
    assert "no-store" in send_request("/in.php", {"site_id": site.pk}).headers["cache-control"]


@pytest.mark.parametrize(
    "path", ["/", "/login", "/ns.gif", "/abcns.gif", "/12.jsx", "/api/events", "/p/x/login", "/in.php/"]
)
def test_other_paths_are_left_to_django(path: str) -> None:
    assert not collector.matches({"path": path})


def test_an_exception_is_counted_and_still_answered(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(ingestion, "process", broken)
    answer = send_request("/in.php", {"site_id": site.pk, "href": "/"})
    assert answer.status == 200 and answer.body == GIF and answer.dropped == "bad_request"
    assert is_balanced(count_hits())


def test_a_client_that_disconnects_during_its_body_is_not_an_error() -> None:
    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http", "method": "POST", "path": "/in.php", "query_string": b"", "headers": [], "client": None,
    }  # fmt: skip
    asyncio.run(collector.Collector(state.current()).app(scope, gone, send))
    assert sent == [], "nobody listens"


ANY = some.binary(max_size=300)
NAMES_WORDS = (
    "site_id type href title ref utm page host et sc vid res lang tz jsuid consent x mime goal "
    "domain part timeout custom[a] custom[username] goal[id] goal[revenue] split[name] video[time] "
    "prop[x] heatmap[] sitekey_admin session_id ip_address ua revenue currency wd dnt"
)
NAMES = some.sampled_from(NAMES_WORDS.split())
KINDS = some.sampled_from(
    [b"pageview", b"ping", b"goal", b"custom", b"outbound", b"heatmap", b"video", b"event", b"\xff"]
)


@pytest.mark.parametrize("path", ["/in.php", "/api/event", "/js", "{}ns.gif"])
@settings(max_examples=count_examples(30), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=some.data())
def test_no_bytes_in_any_parameter_or_header_break_an_endpoint(site: Site, api_key: str, path: str, data: Any) -> None:
    query = b"site_id=%d&type=%s&" % (site.pk, data.draw(KINDS))
    for name in data.draw(some.lists(NAMES, max_size=6)):
        query += name.encode() + b"=" + data.draw(ANY) + b"&"
    header = some.tuples(
        some.sampled_from([b"user-agent", b"referer", b"origin", b"cookie", b"x-forwarded-for", b"content-type",
                           b"accept-language", b"if-none-match", b"x-api-key", b"host", b"dnt", b"\xff"]), ANY,
    )  # fmt: skip
    scope = {
        "type": "http", "method": data.draw(some.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT"])),
        "path": path.format(f"/{site.pk}"), "http_version": "1.1", "scheme": "http",
        "query_string": query + data.draw(ANY), "headers": data.draw(some.lists(header, max_size=8)),
        "client": ("192.0.2.1", 1),
    }  # fmt: skip
    answer = asyncio.run(exchange(scope, data.draw(ANY)))
    assert answer.status in (200, 204, 304, 400, 401, 404, 405, 413), answer


JSON = some.recursive(
    some.none() | some.booleans() | some.floats() | some.integers() | some.text(max_size=40),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS_WORDS = (
    "type url referrer name utm_source screen_width timezone revenue_amount revenue_currency "
    "meta_keys meta_values session_id page_visit_id event_id timestamp ip user_agent props visitor "
    "scroll engaged n u d domain"
)
FIELDS = some.sampled_from(FIELDS_WORDS.split())


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=some.dictionaries(FIELDS, JSON, max_size=8))
def test_no_json_breaks_the_event_endpoint(site: Site, api_key: str, data: dict[str, Any]) -> None:
    answer = post_event(json.dumps({"url": "https://example.com/", **data}).encode(), api_key)
    assert answer.status in (200, 400, 401), answer


@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
@given(some.just(None))
def test_the_ingestion_audit_balances_after_many_requests(site: Site, api_key: str, _: None) -> None:
    for number in range(120):
        send_request(
            "/in.php",
            {
                "site_id": site.pk,
                "type": ("pageview", "ping", "goal")[number % 3],
                "href": f"/{number}",
                "goal[id]": "1",
                "x": f"{number % 50:020d}",
            },
        )
        post_event(
            {"url": "https://example.com/x", "type": ("pageview", "bad")[number % 2], "event_id": str(number % 7)},
            api_key,
        )
        send_request("/in.php", {"site_id": number})
        send_request("/in.php", {"site_id": site.pk, "sitekey_admin": "wrong"}, user_agent=("curl/8", "x")[number % 2])
    found = count_hits()
    assert is_balanced(found), found
    assert found["received"] > 480 and {"duplicate", "bad_key", "rate_limit", "unknown_site"} <= found.keys()


async def test_stored_events_are_published_to_live_streams_of_their_site(site: Site, charlies_site: Site) -> None:
    live.reopen()
    mine, other = live.subscribe(site.pk, heartbeat=60), live.subscribe(charlies_site.pk, heartbeat=0.3)
    waiting, quiet = asyncio.ensure_future(anext(mine)), asyncio.ensure_future(anext(other))
    await asyncio.sleep(0.05)
    await asyncio.to_thread(send_request, "/in.php", {"site_id": site.pk, "type": "pageview", "href": "/live"})
    event = await asyncio.wait_for(waiting, 30)
    assert event is not None and event["path"] == "/live"
    assert await quiet is None and live.count_streams() == 2
    live.close()
    assert [found async for found in mine] == [] and [found async for found in other] == []
    live.reopen()
    assert live.count_streams() == 0 and len(await asyncio.to_thread(list_stored_rows, site.pk)) == 1
