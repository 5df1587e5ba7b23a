"""A link works once the request that created or changed it is answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.test import Client

from accounts.models import Account, User
from links.routing import link_cache
from sites.cache_refresher import CacheRefresher
from tests.support.clickmeter_client import use_account_key
from tests.support.links import Browser

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fresh_links")]


@pytest.fixture
def serving() -> Iterator[None]:
    """The thread that keeps the redirector's memory fresh."""
    link_cache.refresh()
    link_cache.start()
    yield
    link_cache.stop()


@pytest.mark.usefixtures("serving")
def test_a_link_created_or_changed_by_the_api_works_once_the_request_is_answered(account: Account, alice: User) -> None:
    owner = use_account_key(account)
    for number in range(12):
        body = {"name": f"fresh{number}", "typeTL": {"url": "https://a.test/", "redirectType": 307}}
        made = owner.post("/datapoints", body)
        assert Browser().open(f"/l/fresh{number}").location == "https://a.test/"
        owner.post(f"/datapoints/{made['id']}", {"typeTL": {"url": "https://b.test/"}})
        assert Browser().open(f"/l/fresh{number}").location == "https://b.test/"
    batch = [{"name": f"many{number}", "typeTL": {"url": "https://c.test/"}} for number in range(10)]
    owner.put("/datapoints/batch", {"list": batch})
    assert {Browser().open(f"/l/many{number}").location for number in range(10)} == {"https://c.test/"}
    owner.delete(f"/datapoints/{made['id']}")
    assert Browser().open("/l/fresh11").status == 404


@pytest.mark.usefixtures("serving")
def test_a_link_created_on_a_page_works_once_the_next_page_is_shown(account: Account, alice: User) -> None:
    client = Client()
    client.force_login(alice)
    for number in range(5):
        client.post("/links/import", {"text": f"url,alias\nhttps://a.test/,page{number}\n"})
        assert Browser().open(f"/l/page{number}").location == "https://a.test/"


@pytest.mark.usefixtures("store")
def test_waiting_for_a_refresh_ends_without_a_refresher_or_after_a_timeout() -> None:
    assert not CacheRefresher("nothing", ()).wait_until_refreshed(5)
    go_on = threading.Event()
    keeper = CacheRefresher("slow", ((lambda: go_on.wait(60), 0.0),))
    keeper.start()
    keeper.refresh_soon()
    assert not keeper.wait_until_refreshed(0.05)
    go_on.set()
    assert keeper.wait_until_refreshed(60)
    keeper.stop()
