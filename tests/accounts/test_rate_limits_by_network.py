"""Every limit per client counts an IPv6 /64 network as one client, since one customer has 2**64 addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.account_limits import DEFAULT_LIMITS
from accounts.models import Account
from accounts.security.rate_limits import RateLimit, RequestCount, count_request
from reports.clicky.whitelabel import WRONG_KEY
from reports.widget import LIMIT as ONSITE_LIMIT
from sites.models import Site
from tests.support.endpoints import post_event
from tests.support.links import Browser, create_link, reset_state
from tracking.bots import request_rate

pytestmark = pytest.mark.usefixtures("store")


def neighbour(number: int) -> str:
    """One of the addresses of one IPv6 customer."""
    return f"2001:db8:1:2::{number + 1:x}"


STRANGER = "2001:db8:1:3::1"


@pytest.fixture(autouse=True)
def fresh(time_machine: Any) -> Iterator[None]:
    """Nothing was asked yet, and no minute ends in the middle of a test."""
    time_machine.move_to("2026-03-02T12:00:05Z", tick=False)
    yield
    reset_state()


def clicky(site: Site, address: str) -> int:
    asked = {"site_id": str(site.pk), "sitekey": site.sitekey, "type": "visitors"}
    return Client().get("/api/stats/4", asked, REMOTE_ADDR=address).status_code


def onsite(site: Site, address: str) -> int:
    return Client().get("/ajax/onsitestats/", {"site_id": site.pk}, REMOTE_ADDR=address).status_code


def test_requests_are_counted_by_the_windows_of_the_clock() -> None:
    limit, minute = RateLimit("clock", 2, 60), datetime(2026, 3, 2, 12, tzinfo=UTC)
    counts = [count_request(limit, "a", minute + timedelta(seconds=second)) for second in (50, 50, 50, 60)]
    assert counts == [RequestCount(2, 1, 0), RequestCount(2, 0, 0), RequestCount(2, 0, 10), RequestCount(2, 1, 0)]
    assert count_request(RateLimit("any", 0, 60), "a", minute) == RequestCount(0, 0, 0)


@pytest.mark.parametrize(
    ("ask", "most", "fine"), [(clicky, DEFAULT_LIMITS["clicky_per_minute"], 200), (onsite, ONSITE_LIMIT.maximum, 403)]
)
def test_requests_per_minute_are_limited_by_network(
    ask: Callable[[Site, str], int], most: int, fine: int, site: Site
) -> None:
    statuses = Counter(ask(site, neighbour(number)) for number in range(most + 2))
    assert statuses == {fine: most, 429: 2}
    assert ask(site, STRANGER) == fine


def test_clickmeter_requests_per_second_are_limited_by_network(account: Account) -> None:
    def ask(address: str) -> int:
        key = {"X-Clickmeter-Authkey": account.authkey}
        return Client().get("/clickmeter/account/plan", headers=key, REMOTE_ADDR=address).status_code

    assert Counter(ask(neighbour(number)) for number in range(12)) == {200: 10, 429: 2}
    assert ask(STRANGER) == 200


def test_events_per_minute_are_limited_by_network(site: Site, api_key: str) -> None:
    event = {"type": "custom", "name": "a", "url": "https://example.com/"}
    told = [post_event(event, api_key, peer=neighbour(number)).dropped for number in range(62)]
    assert told == [""] * 60 + ["rate_limit"] * 2
    assert post_event(event, api_key, peer=STRANGER).dropped == ""


@pytest.mark.django_db
def test_guesses_at_a_links_password_are_limited_by_network(account: Account) -> None:
    create_link(account, password="open sesame")

    def guess(address: str, word: bytes = b"no") -> int:
        return Browser(ip=address).open("/l/offer", method="POST", body=b"password=" + word).status

    assert [guess(neighbour(number)) for number in range(12)] == [403] * 10 + [429] * 2
    assert guess(neighbour(99), b"open+sesame") == 429
    assert guess(STRANGER, b"open+sesame") == 303


def test_guesses_at_an_account_key_are_limited_by_network(account: Account) -> None:
    def ask(key: str, address: str) -> bytes:
        return Client().get("/api/whitelabel/usage", {"auth": key}, REMOTE_ADDR=address).content

    for _ in range(WRONG_KEY.maximum + 1):
        assert ask(account.authkey, neighbour(0)).startswith(b"OK"), "the right key is no guess"
    for number in range(WRONG_KEY.maximum):
        assert ask("wrong", neighbour(number)).startswith(b"NOK")
    assert ask(account.authkey, neighbour(99)).startswith(b"NOK")
    assert ask(account.authkey, STRANGER).startswith(b"OK")


def test_page_views_per_minute_are_counted_by_network() -> None:
    request_rates = request_rate.RequestRates()
    said = [
        request_rates.count_view(1, device, neighbour(device), 5) for device in range(request_rate.MAX_PER_ADDRESS + 1)
    ]
    assert said == [""] * request_rate.MAX_PER_ADDRESS + ["behaviour: more pages than an office reads"]
    assert request_rates.count_view(1, 10**6, STRANGER, 5) == ""
