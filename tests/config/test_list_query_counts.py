"""Lists of the APIs and pages beside the links need the same number of queries for many rows as for ten.

Counted are the statements of the database and of the event store. ClickMeter's operations have a test of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, ExposedKey, Grant, Membership, Right, Role, User
from accounts.services.clients import client_create
from goals.services import goal_create
from reports.clickport.breakdowns import BREAKDOWNS, TECH
from reports.clicky.popular import POPULAR_TYPES
from reports.clicky.visit_lists import LIST_TYPES
from reports.query.result_cache import RESULTS
from sites import site_cache
from sites.models import Site
from sites.services import api_key_create, site_create
from sites.uptime.models import Incident, WatchedPeriod
from sites.uptime.services import monitor_create
from tests.conftest import PASSWORD
from tests.support import event, insert_recorded, record
from tracking.event import Event

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
FEW = 5
MANY = 200


@pytest.fixture(params=[15, pytest.param(MANY, marks=pytest.mark.heavy)])
def many(request: pytest.FixtureRequest) -> int:
    """What grows with the rows grows with ten more of them, too."""
    size: int = request.param
    return size


def count_both(client: Client, addresses: tuple[str, ...], statements: list[str]) -> dict[str, tuple[int, int]]:
    """How many statements the database and the event store get from each call."""
    found = {}
    for address in addresses:
        caches["requests"].clear()
        RESULTS.clear()
        statements.clear()
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(address)
        assert answer.status_code == 200, (address, answer.content)
        found[address] = (len(captured), len(statements))
    return found


def find_growing(
    client: Client, addresses: tuple[str, ...], statements: list[str], many: int, grow: Callable[[int, int], None]
) -> dict[str, list[tuple[int, int]]]:
    """The calls that need other statements for many rows than for a few, with their counts."""
    counts = []
    for first, last in ((0, FEW), (FEW, many)):
        grow(first, last)
        count_both(client, addresses, statements)  # what is looked up once after a change is known from now on
        counts.append(count_both(client, addresses, statements))
    assert all(sum(both) > 0 for both in counts[0].values()), counts[0]
    return {
        address: [few[address] for few in counts] for address in addresses if len({few[address] for few in counts}) > 1
    }


def test_lists_of_sites_keys_and_members(
    account: Account, alice: User, site: Site, statements: list[str], many: int
) -> None:
    def grow(first: int, last: int) -> None:
        for number in range(first, last):
            site_create(account=account, domain=f"s{number}.example.com")
            api_key_create(site=site, name=f"k{number}")
            user = User.objects.create_user(f"m{number}@example.com", name=f"M{number}")
            made = Membership.objects.create(user=user, account=account, role=Role.GUEST)
            Grant.objects.create(membership=made, kind="site", object_id=site.pk, right=Right.READ)
            ExposedKey.objects.create(
                account=account, kind="site", object_id=site.pk, person=f"P{number}", since=site.created
            )
        site_cache.refresh()

    account.limits = {"api_keys_per_site": 1000}
    account.save()
    client = Client()
    client.force_login(alice)
    addresses = (
        "/api/v1/sites?limit=1000", f"/api/v1/sites/{site.pk}/keys?limit=1000", "/api/v1/members?limit=1000",
        "/api/v1/exposed-keys?limit=1000", "/account/team", f"/sites/{site.pk}/settings/api-keys",
        f"/sites/{site.pk}/settings/team",
    )  # fmt: skip
    assert find_growing(client, addresses, statements, many, grow) == {}
    for address in addresses[:4]:
        assert len(client.get(address).json()["results"]) >= many, address


def test_sites_with_their_numbers(account: Account, alice: User, site: Site, statements: list[str], many: int) -> None:
    """The sites are in two time zones, whose numbers are queries of their own."""

    def grow(first: int, last: int) -> None:
        for number in range(first, last):
            zone = ("Europe/Tallinn", "Asia/Tokyo")[number % 2]
            record(event(site_create(account=account, domain=f"s{number}.example.com", timezone=zone)))
        insert_recorded()
        site_cache.refresh()

    client = Client()
    client.force_login(alice)
    clicky = f"/api/account/sites?username={alice.email}&password={quote(PASSWORD)}&output=json"
    assert find_growing(client, ("/sites", clicky), statements, many, grow) == {}
    assert len(client.get(clicky).json()) == many + 1


def test_the_sites_of_clients_with_their_figures(
    account: Account, alice: User, site: Site, statements: list[str], many: int
) -> None:
    """Each client has a site in a zone of its own, with a goal, a monitor and a guest."""

    def grow(first: int, last: int) -> None:
        for number in range(first, last):
            zone = ("Europe/Tallinn", "Asia/Tokyo", "UTC")[number % 3]
            client = client_create(agency=account, name=f"C{number}", timezone=zone)
            theirs = site_create(account=client.account, domain=f"s{number}.example.com", timezone=zone)
            goal_create(site=theirs, name="Order", pattern="/thanks")
            monitor_create(site=theirs, url="https://a.example.com/")
            guest = User.objects.create_user(f"g{number}@example.com", name=f"G{number}")
            Membership.objects.create(user=guest, account=client.account, role=Role.GUEST)
            record(event(theirs))
        insert_recorded()
        site_cache.refresh()

    client = Client()
    client.force_login(alice)
    addresses = ("/clients", "/api/v1/client-sites", "/clients/access", "/sites/all", "/account")
    assert find_growing(client, addresses, statements, many, grow) == {}
    assert len(client.get("/api/v1/client-sites").json()["sites"]) == many + 1


def test_monitors(alice: User, site: Site, statements: list[str], many: int) -> None:
    def grow(first: int, last: int) -> None:
        for number in range(first, last):
            monitor = monitor_create(site=site, url=f"https://{number}.example.com/", public=True)
            Incident.objects.create(monitor=monitor, start=now - timedelta(hours=2), end=now - timedelta(hours=1))
            WatchedPeriod.objects.create(monitor=monitor, start=now - timedelta(hours=3), end=now)

    now = timezone.now()
    site.account.limits = {"monitors": many, "clicky_per_minute": 0}
    site.account.save()
    client = Client()
    client.force_login(alice)
    clicky = f"/api/stats/4?site_id={site.pk}&sitekey={site.sitekey}&output=json&limit=all&date=last-2-days&type="
    addresses = (f"/sites/{site.pk}/uptime", f"/status/{site.pk}", clicky + "uptime", clicky + "uptime-list")
    assert find_growing(client, addresses, statements, many, grow) == {}
    assert len(read_items(addresses[2])) == len(read_items(addresses[3])) == many


def add_traffic(site: Site, first: int, last: int) -> None:
    """A visit of its own page, source, campaign, country … each."""
    now = timezone.now()
    for number in range(first, last):
        word = f"v{number}"
        fields: Event = {
            "referrer": f"https://{word}.test/", "referrer_domain": f"{word}.test", "source": word,
            "utm_source": word, "utm_medium": word, "utm_campaign": word, "utm_content": word, "utm_term": word,
            "search_term": word, "city": word, "country": f"{chr(65 + number // 26)}{chr(65 + number % 26)}",
            "browser": word, "os": word, "organization": word, "person": word, "visit": number + 1,
        }  # fmt: skip
        at = now - timedelta(seconds=240 - number)
        record(event(site, f"/{word}", at=at, visitor=word, **fields))
        goal_create(site=site, name=word, kind="page", pattern=f"/{word}")
    insert_recorded()


def test_reports_of_the_query_api(site: Site, api_key: str, statements: list[str], many: int) -> None:
    addresses = (
        "/api/realtime", "/api/goals", "/api/ledger", *(f"/api/{name}?limit=1000" for name in BREAKDOWNS),
        *(f"/api/tech?type={kind}&limit=1000" for kind in TECH),
    )  # fmt: skip
    client = Client(headers={"x-api-key": api_key})
    site.account.limits = {"clickport_per_minute": 0}
    site.account.save()
    assert find_growing(client, addresses, statements, many, lambda first, last: add_traffic(site, first, last)) == {}
    assert statements  # the last address asks the event store, too
    assert len(client.get("/api/goals").json()["goals"]) == len(client.get(addresses[3]).json()["results"]) == many


def test_reports_of_the_stats_api(site: Site, statements: list[str], many: int) -> None:
    base = f"/api/stats/4?site_id={site.pk}&sitekey={site.sitekey}&output=json&limit=all&date=today&type="
    addresses = tuple(base + row.name for row in (*LIST_TYPES, *POPULAR_TYPES))[:: 1 if many == MANY else 3]
    site.account.limits = {"clicky_per_minute": 0}
    site.account.save()
    assert find_growing(Client(), addresses, statements, many, lambda first, last: add_traffic(site, first, last)) == {}
    assert statements  # the last address asks the event store, too
    assert len(read_items(addresses[0])) == len(read_items(base + "pages")) == many


def read_items(address: str) -> list[Any]:
    """The items of the one type and day that a call of the Stats API asks for."""
    items: list[Any] = Client().get(address).json()[0]["dates"][0]["items"]
    return items
