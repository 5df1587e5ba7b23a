"""The portfolio: only visible sites, one query, and switching sites by keyboard."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, User
from goals.services import goal_create
from sites import site_cache
from sites.models import Site
from sites.services import site_create
from tests.support import browse, read_html
from tests.support.types import Store
from tests.values import extract


@pytest.fixture
def second(account: Account, store: Store) -> Site:
    made = site_create(account=account, domain="shop.example", timezone="Asia/Kolkata")
    site_cache.refresh()
    return made


@pytest.fixture
def busy(site: Site, second: Site, charlies_site: Site) -> None:
    """Two visitors on example.com, one on shop.example, four at the stranger's."""
    at = timezone.now() - timedelta(minutes=1)
    browse(site, "/a", at=at, visitor="a", host="example.com", country="EE")
    browse(site, "/b", at=at, visitor="b", host="example.com", country="DE")
    browse(second, "/a", "/c", at=at, visitor="a", host="shop.example", country="EE")
    for visitor in "wxyz":
        browse(charlies_site, "/secret", at=at, visitor=visitor, host="charlie.example")


def page(client: Client, path: str, **headers: str) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == 200, (path, response.status_code)
    return unescape(read_html(response))


def row_of(html: str, name: str) -> str:
    return str(next(row for row in re.findall(r"<tr>.*?</tr>", html, re.S) if f">{name}</a>" in row))


def test_the_portfolio_counts_all_visible_sites_and_no_others(inside: Client, busy: Site) -> None:
    html = page(inside, "/sites/all?period=today")
    assert "Visitors: 3" in html and "Views: 4" in html
    assert 'title="2"' in row_of(html, "example.com") and 'title="1"' in row_of(html, "shop.example")
    assert "charlie" not in html and "/secret" not in html


def test_pages_are_listed_by_host_and_a_click_filters(inside: Client, busy: Site) -> None:
    html = page(inside, "/sites/all/panel/pages/hosts?period=today")
    href = extract(r'<a href="([^"]+)"', row_of(html, "shop.example"))
    assert href == "/sites/all?period=today&host=shop.example"
    narrowed = page(inside, href)
    assert "Visitors: 1" in narrowed and "Host is shop.example" in narrowed


def test_sites_can_be_chosen_and_every_link_keeps_the_choice(inside: Client, busy: Site, second: Site) -> None:
    html = page(inside, f"/sites/all?period=today&only={second.pk}")
    assert "1 of 2 sites" in html and "Visitors: 1" in html
    assert all(f"only={second.pk}" in href for href in re.findall(r'href="(/sites/all\?[^"]*period[^"]*)"', html))


def test_a_site_of_others_cannot_be_chosen(inside: Client, busy: Site, charlies_site: Site, site: Site) -> None:
    for path in ("", "/explain", "/panel/pages/top"):
        assert inside.get(f"/sites/all{path}?only={charlies_site.pk}").status_code == 404
        assert inside.get(f"/sites/all{path}?only={site.pk}&only={charlies_site.pk}").status_code == 404
        assert inside.get(f"/sites/all{path}?only=nonsense").status_code == 404


def test_a_guest_sees_the_granted_sites(busy: Site, bob: User, client: Client) -> None:
    client.force_login(bob)
    html = page(client, "/sites/all?period=today")
    assert "Visitors: 2" in html and "shop.example" not in html


def test_a_goal_counts_on_its_own_site_only(inside: Client, busy: Site, site: Site, second: Site) -> None:
    first = goal_create(site=site, name="A", pattern="/a", fixed_revenue=Decimal(10), currency="EUR")
    goal_create(site=second, name="C", pattern="/c")
    html = page(inside, "/sites/all?period=today")
    assert re.search(r"Conversions: 2\b", html) and re.search(r"Revenue: €10\.00\b", html)
    assert re.search(r"Conversions: 1\b", page(inside, f"/sites/all?period=today&only={second.pk}"))
    with_goal = page(inside, f"/sites/all?period=today&goal={first.pk}")
    assert re.search(r"Conversions: 1\b", with_goal), "/a was seen on both sites"


def test_a_number_of_the_portfolio_can_be_explained(inside: Client, busy: Site) -> None:
    html = page(inside, "/sites/all/explain?metric=visitors&period=today")
    assert "<dt>Time zone</dt>" in html and "visits behind" not in html


def test_every_link_of_the_portfolio_opens(inside: Client, busy: Site) -> None:
    html = page(inside, "/sites/all?period=today")
    assert "/sites/None" not in html and "/sites//" not in html
    hrefs = {href for href in re.findall(r'(?:href|hx-get)="(/[^"#]*)"', html) if not href.startswith("/static")}
    for href in sorted(hrefs)[::7]:
        assert inside.get(href).status_code in (200, 302), href


def test_invalid_parameters_are_reported(inside: Client, busy: Site) -> None:
    assert inside.get("/sites/all?period=nonsense").status_code == 400


def test_a_reader_without_sites_is_redirected_to_the_list(client: Client, django_user_model: type[User]) -> None:
    client.force_login(django_user_model.objects.create_user("new@example.com", "a long enough password"))
    assert client.get("/sites/all")["Location"] == "/sites"


def test_a_digit_switches_the_site_and_keeps_the_page(inside: Client, busy: Site, site: Site, second: Site) -> None:
    def led(number: str, came: str) -> str:
        return inside.get("/go", {"site": number, "from": came})["Location"]

    assert led("1", f"/sites/{second.pk}/sources?period=30d&country=EE") == f"/sites/{site.pk}/sources?period=30d"
    assert led("2", "/sites") == f"/sites/{second.pk}/"
    assert led("0", f"/sites/{site.pk}/?period=90d") == "/sites/all?period=90d"
    assert led("9", "/sites") == "/sites"
    assert led("2", "https://evil.example/sites/1//evil") == f"/sites/{second.pk}/"
