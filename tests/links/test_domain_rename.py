"""The installation's host changes: links follow, and the earlier URLs still work."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import Account
from links.models import Datapoint, Domain, DomainKind
from links.public_urls import build_tracking_url, update_system_domain
from links.routing import link_cache
from tests.support import asgi
from tests.support.links import Browser, create_link, refresh_caches

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]


def started(settings: Any, base: str, domain: str = "") -> None:
    settings.BASE_URL, settings.LINK_DOMAIN = base, domain
    update_system_domain()
    refresh_caches()


def where(link: Datapoint) -> str:
    return build_tracking_url(Datapoint.objects.select_related("domain").get(pk=link.pk))


def leads(url: str) -> str:
    host, _, path = url.split("//", 1)[1].partition("/")
    return str(Browser().open(f"/{path}", host=host).location)


def test_links_follow_a_change_of_the_installations_host(account: Account, settings: Settings) -> None:
    link = create_link(account)
    assert where(link) == "http://127.0.0.1:8000/l/offer"
    started(settings, "https://numbers.example.com")
    assert where(link) == "https://numbers.example.com/l/offer" and leads(where(link)) == "https://shop.test/p"
    assert not link_cache.is_link_domain("127.0.0.1")  # whose pages and /healthz are nobody's links
    started(settings, "https://numbers.example.com", "go.example.com")
    assert where(link) == "https://go.example.com/offer" and leads(where(link)) == "https://shop.test/p"
    assert leads("https://numbers.example.com/l/offer") == "https://shop.test/p"


def test_a_replaced_link_domain_still_serves_its_links(account: Account, settings: Settings) -> None:
    started(settings, "https://numbers.example.com", "old.example.com")
    link = create_link(account)
    started(settings, "https://numbers.example.com", "new.example.com")
    assert where(link) == "https://new.example.com/offer"
    assert [leads(f"https://{name}.example.com/offer") for name in ("old", "new")] == ["https://shop.test/p"] * 2
    assert Domain.objects.get(name="old.example.com").is_former
    started(settings, "https://numbers.example.com", "old.example.com")
    assert where(link) == "https://old.example.com/offer"
    names = Domain.objects.filter(kind=DomainKind.SYSTEM).values_list("name", flat=True)
    assert list(names) == ["old.example.com"] and leads("https://new.example.com/offer") == "https://shop.test/p"


def test_a_link_domain_on_the_dashboards_host_does_not_hide_its_pages(account: Account, settings: Settings) -> None:
    link = create_link(account)
    settings.CLICKMETER_HOSTS = ("api.example.com",)
    for host in ("numbers.example.com", "api.example.com"):
        started(settings, "https://numbers.example.com", host)
        assert asgi.browser_request("/login", host=host).status in (
            302,
            404,
        )  # Django's answers: to the set-up page, or the API's
        assert asgi.browser_request("/login", host=host).headers.get("x-robots-tag") is None
        assert where(link) == "https://numbers.example.com/l/offer" and leads(where(link)) == "https://shop.test/p"
