"""Go anywhere: every page of the product is found, and everything that is found opens."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import Account, Role, User
from reports.dashboard.navigation import list_site_paths
from sites.models import Site
from sites.services import site_create
from tests.conftest import member
from tests.support.types import Store

ENTRY = re.compile(r'<li><a href="([^"]+)">([^<]*)</a>')
# Pages that are reached from the page they belong to, or are no pages
ELSEWHERE = {
    "explain": "of a number", "graph.svg": "a file", "heatmaps/page": "of a page", "settings": "leads to the first",
    "settings/tracking-code/first-hit": "waits", "spy/stream": "a stream", "bots/people": "a form",
    "segments": "a form", "settings/delete": "a form", "settings/api-keys/rotate": "a form",
    "alerts/channels/new": "on Alerts", "settings/api-keys/show": "a part of a page", "settings/domain-check": "a form",
}  # fmt: skip


def addresses(patterns: list[URLPattern | URLResolver], before: str = "") -> list[str]:
    found = []
    for one in patterns:
        route = before + str(one.pattern)
        found += addresses(one.url_patterns, route) if isinstance(one, URLResolver) else [route]
    return found


def entries(user: User, q: str = "", came: str = "") -> list[tuple[str, str]]:
    client = Client()
    client.force_login(user)
    html = client.get("/go", {"q": q}, headers={"Referer": came} if came else {}).content.decode()
    return [(label, href) for href, label in ENTRY.findall(html)]


def test_every_page_of_a_site_is_an_entry() -> None:
    start = "sites/<int:site_id>/"
    fixed = {route.removeprefix(start) for route in addresses(get_resolver().url_patterns) if route.startswith(start)}
    pages = {path for path in fixed if "<" not in path} - set(ELSEWHERE)
    assert pages == list_site_paths(), "say in SITE_PLACES what it is called, or in ELSEWHERE why it is no place"


@pytest.mark.parametrize(
    "q",
    ["retention", "cohorts", "split", "heat", "notes", "bots", "funnel", "journeys", "uptime", "roll-up",
     "sharing",      "white label", "links groups", "documentation", "e-mail", "ledger", "settings privacy"]
)  # fmt: skip
def test_a_search_finds_a_page_by_its_words(q: str, site: Site, alice: User) -> None:
    assert entries(alice, q), q


@pytest.mark.parametrize("turns", [4, pytest.param(1, marks=pytest.mark.heavy)])
def test_every_entry_opens(
    turns: int, site: Site, account: Account, alice: User, bob: User, charlie: User, store: Store
) -> None:
    """Of those who ask, each opens every fourth one by turns; heavy is everybody with all of theirs."""
    viewer = member(account, "victor", Role.VIEWER)
    for turn, user in enumerate((alice, bob, viewer, charlie)):
        client = Client()
        client.force_login(user)
        words = ("", "example", "settings", "links", "documentation", "new", "you", "all")
        offered = {href for q in words for _, href in entries(user, q)}
        assert len(offered) > 5
        for href in sorted(offered)[turn % turns :: turns]:
            assert client.get(href, follow=True).status_code == 200, (user.email, href)


def test_pages_of_the_current_site_come_first(site: Site, charlies_site: Site, alice: User) -> None:
    found = entries(alice, came=f"http://testserver/sites/{site.pk}/goals?period=30d")
    assert found[0][1] == f"/sites/{site.pk}/" and found[5][1].startswith(f"/sites/{site.pk}/")
    assert entries(alice)[0][1] == "/sites"
    assert not any(str(charlies_site.pk) in href for _, href in entries(alice, came=f"/sites/{charlies_site.pk}/spy"))


def test_the_report_of_every_site_comes_before_the_documentation(site: Site, account: Account, alice: User) -> None:
    numbers = [site.pk, *(site_create(account=account, domain=f"s{number}.example").pk for number in range(5))]
    found = [href for _, href in entries(alice)]
    first_page = next(place for place, href in enumerate(found) if href.startswith("/docs/") and href != "/docs/")
    assert max(found.index(f"/sites/{number}/") for number in numbers) < first_page


def test_switching_sites_keeps_the_kind_of_page(site: Site, alice: User) -> None:
    client = Client()
    client.force_login(alice)
    for came, there in (("retention?period=30d&country=EE", "retention?period=30d"), ("goals/12", "goals"),
                        ("visitors/99", "visitors"), ("details/page", ""),
                        ("settings/privacy", "settings/privacy")):  # fmt: skip
        answer = client.get("/go", {"site": "1", "from": f"/sites/5/{came}"})
        assert answer["Location"] == f"/sites/{site.pk}/{there}"
