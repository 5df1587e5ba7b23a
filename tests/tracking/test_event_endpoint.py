"""POST /api/event: Clickport's server-side events, and what we add to them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sites import site_cache
from sites.models import Site
from sites.services import api_key_create, site_update
from tests.support import state
from tests.support.endpoints import count_hits, is_balanced, list_stored_rows, post_event, send_request
from tests.support.hits import CHROME, reset_state
from tracking import spool
from tracking.state.restore import rebuild

pytestmark = pytest.mark.usefixtures("store")
URL = "https://example.com/pricing"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    reset_state()
    yield
    reset_state()


@pytest.fixture
def trusted(site: Site) -> str:
    plain = api_key_create(site=site, name="server", trusted=True)[1]
    site_cache.refresh()
    return plain


def test_a_page_view_returns_session_and_view(site: Site, api_key: str) -> None:
    answer = post_event({"type": "pageview", "url": URL, "referrer": "https://google.com/"}, api_key)
    row = list_stored_rows(site.pk)[0]
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    assert answer.json() == {"success": True, "session_id": row["visit"], "page_visit_id": f"{row['view_id']:08x}"}
    assert (row["kind"], row["path"], row["source"], row["browser"]) == ("view", "/pricing", "Google", "Chrome")


def test_a_custom_event_has_a_name_an_amount_and_properties(site: Site, api_key: str) -> None:
    # The seed's example (clickport)
    post_event(
        {
            "type": "custom", "name": "Purchase", "url": "https://example.com/checkout/complete",
            "revenue_amount": 49.99, "revenue_currency": "USD",
            "meta_keys": ["plan", "interval"], "meta_values": ["pro", "annual"],
        },
        api_key,
    )  # fmt: skip
    row = list_stored_rows(site.pk)[0]
    assert (row["kind"], row["name"], float(row["revenue"]), row["currency"]) == ("event", "Purchase", 49.99, "USD")
    assert row["props"] == {"plan": "pro", "interval": "annual"}


@pytest.mark.parametrize(("kind", "stored_as"), [("click", "click"), ("form", "form"), (None, "view")])
def test_every_type_has_its_kind(site: Site, api_key: str, kind: str | None, stored_as: str) -> None:
    post_event({"url": URL, "name": "x", **({"type": kind} if kind else {})}, api_key)
    assert list_stored_rows(site.pk)[0]["kind"] == stored_as


def test_explicit_campaign_and_screen_are_stored(site: Site, api_key: str) -> None:
    post_event({"url": f"{URL}?utm_source=a", "utm_source": "b", "utm_medium": "email", "screen_width": 1440}, api_key)
    row = list_stored_rows(site.pk)[0]
    assert (row["utm_source"], row["channel"], row["screen"]) == ("b", "Email", "1440")


def test_click_ids_are_stripped(site: Site, api_key: str) -> None:
    post_event({"url": f"{URL}?gclid=1&fbclid=2&msclkid=3&a=4"}, api_key)
    assert list_stored_rows(site.pk)[0]["path"] == "/pricing?a=4"


def test_events_of_one_client_belong_to_one_session(site: Site, api_key: str) -> None:
    first = post_event({"url": URL}, api_key).json()
    again = post_event({"url": f"{URL}/b"}, api_key).json()
    joined = post_event({"url": f"{URL}/c", "session_id": first["session_id"]}, api_key, peer="192.0.2.44").json()
    assert first["session_id"] == again["session_id"] == joined["session_id"]


@pytest.mark.parametrize("key", ["ck_wrong", "x", "ü"])
def test_a_bad_key_is_401_in_clickports_form(site: Site, key: str) -> None:
    answer = post_event({"url": URL}, key)
    assert answer.status == 401 and answer.json() == {"error": "Unauthorized", "message": "Invalid API key"}
    assert answer.dropped == "bad_key" and is_balanced(count_hits())


def test_without_a_key_and_a_known_page_the_answer_is_401(site: Site) -> None:
    assert post_event({"url": "https://unknown.org/"}).status == 401


def test_a_key_that_may_only_read_cannot_send(site: Site) -> None:
    plain = api_key_create(site=site, name="reader", can_track=False)[1]
    site_cache.refresh()
    assert post_event({"url": URL}, plain).status == 401


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[1]", b"null", b'"x"', b"\xff\xfe", b'{"url":"\\ud800"}'])
def test_an_invalid_body_is_400(api_key: str, body: bytes) -> None:
    answer = post_event(body, api_key)
    assert answer.status == 400 and answer.dropped == "bad_request" and set(answer.json()) == {"error", "message"}
    assert is_balanced(count_hits())


def test_a_visitor_with_do_not_track_is_not_recorded(site: Site, api_key: str) -> None:
    answer = post_event({"url": URL}, api_key, dnt="1")
    assert answer.status == 200 and answer.json() == {"success": False, "dropped": "do_not_track"}


@pytest.mark.parametrize(("agent", "reason"), [("", "no_user_agent"), ("curl/8", "bot")])
def test_missing_user_agents_and_those_of_bots_are_rejected(site: Site, api_key: str, agent: str, reason: str) -> None:
    answer = post_event({"url": URL}, api_key, user_agent=agent)
    assert answer.json()["dropped"] == reason and answer.dropped == reason


def test_above_sixty_a_minute_events_of_an_address_are_dropped_with_200(
    site: Site, api_key: str, time_machine: Any
) -> None:
    time_machine.move_to("2026-03-02T12:00:00Z", tick=False)
    answers = [post_event({"url": URL}, api_key) for _ in range(62)]
    assert [answer.dropped for answer in answers] == [""] * 60 + ["rate_limit"] * 2
    assert answers[-1].status == 200 and answers[-1].json() == {"success": False, "dropped": "rate_limit"}
    assert post_event({"url": URL}, api_key, peer="192.0.2.1").dropped == ""
    time_machine.move_to("2026-03-02T12:01:00Z", tick=False)
    assert post_event({"url": URL}, api_key).dropped == ""
    assert is_balanced(count_hits())


def test_a_trusted_key_has_no_limit_and_can_set_time_address_and_user_agent(site: Site, trusted: str) -> None:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    batch = [
        {"url": f"{URL}/{n}", "timestamp": at.isoformat(), "ip": f"198.51.100.{n}", "user_agent": CHROME}
        for n in range(100)
    ]
    answer = post_event(batch, trusted, user_agent="python-requests/2")
    rows = list_stored_rows(site.pk)
    assert answer.json()["success"] and len(answer.json()["results"]) == 100 == len(rows)
    assert {row["ts"] for row in rows} == {at} and len({row["visit"] for row in rows}) == 100
    assert {row["browser"] for row in rows} == {"Chrome"}


def test_an_ordinary_key_cannot_set_time_address_and_user_agent(site: Site, api_key: str) -> None:
    post_event({"url": URL, "timestamp": "2020-01-01T00:00:00Z", "ip": "198.51.100.1"}, api_key)
    row = list_stored_rows(site.pk)[0]
    assert row["ts"].year == datetime.now(UTC).year and row["ip"] == "203.0.113.0"


@pytest.mark.parametrize("when", ["soon", "2999-01-01", 1e30, "1970-01-01", {}, []])
def test_an_impossible_time_is_rejected(site: Site, trusted: str, when: Any) -> None:
    answer = post_event({"url": URL, "timestamp": when}, trusted)
    assert answer.status == 200 and answer.dropped == "bad_request"


def test_an_event_id_counts_once_also_after_a_restart(site: Site, api_key: str) -> None:
    first = post_event({"url": URL, "event_id": "order-1"}, api_key)
    again = post_event({"url": URL, "event_id": "order-1"}, api_key)
    state.restart()  # the file stays
    third = post_event({"url": URL, "event_id": "order-1"}, api_key)
    assert first.dropped == "" and again.dropped == third.dropped == "duplicate"
    assert third.json()["success"] is True
    assert len(list_stored_rows(site.pk)) == 1 and is_balanced(count_hits())


def test_an_event_id_can_be_used_again_after_a_day(site: Site, api_key: str, time_machine: Any) -> None:
    time_machine.move_to("2026-03-02T12:00:00Z", tick=False)
    post_event({"url": URL, "event_id": "a"}, api_key)
    time_machine.move_to("2026-03-03T11:00:00Z", tick=False)
    assert post_event({"url": URL, "event_id": "a"}, api_key).dropped == "duplicate"
    time_machine.move_to("2026-03-03T14:00:00Z", tick=False)
    state.let_time_pass(26 * 3600)
    assert post_event({"url": URL, "event_id": "a"}, api_key).dropped == ""


def test_two_sites_may_use_the_same_event_id(site: Site, charlies_site: Site, api_key: str) -> None:
    other = api_key_create(site=charlies_site, name="c")[1]
    site_cache.refresh()
    assert post_event({"url": URL, "event_id": "1"}, api_key).dropped == ""
    assert post_event({"url": "https://charlie.example/", "event_id": "1"}, other).dropped == ""


def test_a_bad_event_of_a_batch_does_not_stop_the_others(site: Site, api_key: str) -> None:
    answer = post_event([{"url": URL}, {"type": "nonsense", "url": URL}, {"name": "no url"}], api_key)
    results = answer.json()["results"]
    assert [result["success"] for result in results] == [True, False, False] and results[1]["message"]
    assert len(list_stored_rows(site.pk)) == 1 and is_balanced(count_hits())


def test_a_page_of_a_known_host_needs_no_key(site: Site) -> None:
    answer = post_event(
        {"n": "pageview", "u": "https://www.example.com/a", "d": "example.com"}, origin="https://www.example.com"
    )
    assert answer.json()["success"] and list_stored_rows(site.pk)[0]["path"] == "/a"


def test_a_page_cannot_send_for_another_site(site: Site, charlies_site: Site) -> None:
    answer = post_event({"url": "https://evil.org/", "domain": "example.com"}, origin="https://evil.org")
    assert answer.dropped == "wrong_host" and list_stored_rows(site.pk) == []


CLOUDS = {
    "54.210.10.1": (14618, "Amazon.com, Inc."), "34.91.10.1": (396982, "Google LLC"),
    "167.99.1.1": (14061, "DigitalOcean, LLC"), "95.216.1.1": (24940, "Hetzner Online GmbH"),
    "51.38.1.1": (16276, "OVH SAS"), "172.104.1.1": (63949, "Akamai Connected Cloud"),
    "45.76.1.1": (20473, "The Constant Company, LLC"),
}  # fmt: skip


@pytest.mark.parametrize("peer", CLOUDS)
@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
def test_an_event_with_a_key_may_come_from_any_network_with_any_headers(
    site: Site, api_key: str, monkeypatch: pytest.MonkeyPatch, peer: str, header: str
) -> None:
    number, name = CLOUDS[peer]
    monkeypatch.setattr("tracking.geo.look_up", lambda ip: {"asn": number, "organization": name})
    shown = {"x-api-key": api_key, "authorization": f"Bearer {api_key}"}[header]
    answer = post_event({"url": URL}, peer=peer, accept_language="", accept="", **{header.replace("-", "_"): shown})
    assert answer.dropped == "" and [row["organization"] for row in list_stored_rows(site.pk)] == [name]


def test_a_wrong_key_is_rejected_in_either_header(site: Site) -> None:
    for header in ({"x_api_key": "ck_wrong"}, {"authorization": "Bearer ck_wrong"}):
        assert post_event({"url": URL}, **header).status == 401


def test_with_a_key_any_host_is_accepted_unless_the_site_lists_its_hosts(site: Site, api_key: str) -> None:
    elsewhere = {"url": "https://yoursite.com/checkout"}
    assert post_event(elsewhere, api_key).dropped == ""
    site_update(site=site, allowed_hosts=["shop.example"])
    site_cache.refresh()
    assert post_event(elsewhere, api_key).dropped == "wrong_host"
    assert post_event({"url": "https://shop.example/checkout"}, api_key).dropped == ""


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.com/a?b=1", ("example.com", "/a?b=1")), ("/a", ("example.com", "/a")),
        ("a/b", ("example.com", "/a/b")), ("index.html", ("example.com", "/index.html")),
        ("example.com/x", ("example.com", "/x")), ("shop.example.com/x?y=1", ("shop.example.com", "/x?y=1")),
        ("notexample.com/x", ("example.com", "/notexample.com/x")),
    ],
)  # fmt: skip
def test_a_page_can_be_a_url_a_path_or_a_host_with_a_path(
    site: Site, api_key: str, url: str, kept: tuple[str, str]
) -> None:
    post_event({"url": url}, api_key)
    assert [(row["host"], row["path"]) for row in list_stored_rows(site.pk)] == [kept]


@pytest.mark.parametrize("url", [5, True, ["https://example.com"], "javascript:alert(1)", " DATA:text/html,a", ""])
def test_an_invalid_page_is_reported_to_the_sender(site: Site, api_key: str, url: Any) -> None:
    answer = post_event({"url": url}, api_key).json()
    assert answer["dropped"] == "bad_request" and answer["message"].startswith("url is ")


def test_a_body_that_is_too_large_is_rejected_in_json(site: Site, api_key: str) -> None:
    answer = post_event({"url": URL, "name": "x" * 70_000}, api_key)
    assert answer.status == 413 and answer.dropped == "too_large"
    assert answer.json() == {"error": "Payload Too Large", "message": "At most 64 KB are read here"}


def test_a_visit_imported_later_spans_midnight(site: Site, trusted: str) -> None:
    night = (datetime.now(UTC) - timedelta(days=30)).replace(hour=23, minute=59, second=50, microsecond=0)
    person = {"ip": "198.51.100.1", "user_agent": CHROME}
    for seconds in (0, 20, 600):
        at = (night + timedelta(seconds=seconds)).isoformat()
        post_event({"url": URL, "timestamp": at, **person}, trusted)
    rows = list_stored_rows(site.pk)
    assert len({row["visit"] for row in rows}) == len({row["device"] for row in rows}) == 1 and len(rows) == 3


def test_events_without_screen_and_language_get_those_of_their_visit(site: Site, api_key: str) -> None:
    post_event({"url": URL, "screen_width": 1440, "language": "de-AT"}, api_key)
    post_event({"type": "custom", "name": "a", "url": URL}, api_key)
    spool.flush()
    rebuild(state.restart())  # what a restart forgets is read back
    post_event({"type": "click", "url": URL, "screen_width": 390}, api_key)
    assert {(row["screen"], row["language"]) for row in list_stored_rows(site.pk)} == {("1440", "de-AT")}
    reset_state()
    post_event({"type": "custom", "name": "a", "url": URL}, api_key, peer="203.0.113.9")
    post_event({"url": URL, "screen_width": 390}, api_key, peer="203.0.113.9")
    post_event({"type": "custom", "name": "b", "url": URL}, api_key, peer="203.0.113.9")
    assert [row["screen"] for row in list_stored_rows(site.pk)[3:]] == ["", "390", "390"]


def test_cors_preflight_requests_are_answered(site: Site) -> None:
    answer = send_request(
        "/api/event", method="OPTIONS", origin="https://example.com", access_control_request_method="POST"
    )
    assert answer.status == 204 and answer.headers["access-control-allow-origin"] == "*"
    assert "x-api-key" in answer.headers["access-control-allow-headers"]
    assert send_request("/api/event", method="GET").status == 405
