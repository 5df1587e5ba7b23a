"""Clicky's account and white-label calls, and redirects of its links."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client

from accounts.models import Account, Membership, Role, User
from links.models import Datapoint
from links.public_urls import build_tracking_url
from reports.sharing.services import build_key_token
from sites import site_cache
from sites.models import Site
from sites.services import site_keys_rotate
from tests.conftest import PASSWORD
from tests.support import browse
from tests.support.clicky_client import Clicky
from tests.support.types import Store

pytestmark = pytest.mark.django_db
ADDRESS = "/api/account/sites"


@pytest.fixture(autouse=True)
def forgiving() -> None:
    """Attempts of other tests are forgotten."""
    caches["requests"].clear()


def listed(user: User, **given: str) -> Any:
    return Client().get(ADDRESS, {"username": user.email, "password": PASSWORD, "output": "json", **given})


def test_an_owner_gets_the_keys_of_her_sites(alice: User, site: Site, charlies_site: Site, store: Store) -> None:
    assert listed(alice).json() == [
        {
            "site_id": str(site.pk), "sitekey": site.sitekey, "hostname": "example.com", "nickname": "example.com",
            "timezone": "UTC", "visitors_online": "0", "visitors_today": "0", "sitekey_admin": site.sitekey_admin,
        }
    ]  # fmt: skip


def test_a_guest_who_may_only_look_gets_no_admin_key(bob: User, site: Site, store: Store) -> None:
    (row,) = listed(bob).json()
    assert row["sitekey"] == site.sitekey and "sitekey_admin" not in row


def test_wrong_passwords_are_errors_and_then_rate_limited(alice: User, store: Store) -> None:
    for _ in range(5):
        assert listed(alice, password="wrong").json() == [{"error": "Invalid username or password."}]
    assert "Too many attempts" in listed(alice).json()[0]["error"]


def test_xml_is_the_default_and_php_a_list(alice: User, site: Site, store: Store) -> None:
    body = listed(alice, output="").content.decode()
    assert f'<response status="ok"><site><site_id>{site.pk}</site_id>' in body
    assert listed(alice, output="php").content.startswith(b'a:1:{i:0;a:8:{s:7:"site_id"')


def test_the_white_label_api_lists_sites_as_xml(alice: User, site: Site, charlies_site: Site) -> None:
    body = Client().get("/api/whitelabel/sites", {"auth": site.account.authkey}).content.decode()
    assert f"<site_id>{site.pk}</site_id>" in body and f"<sitekey_admin>{site.sitekey_admin}" in body
    assert str(charlies_site.pk) not in body


def test_the_white_label_api_answers_in_lines(site: Site, charlies_site: Site, store: Store) -> None:
    key, client = site.account.authkey, Client()

    def said(path: str, **given: Any) -> list[str]:
        return client.get(f"/api/whitelabel/{path}", given).content.decode().splitlines()

    assert said("sites", auth="wrong") == ["NOK", "1", "Invalid auth key."]
    assert said("dance", auth=key)[0] == "NOK"
    assert said("usage", auth=key) == ["OK", "0"]
    assert said("usage", auth=key, site_id=charlies_site.pk)[0] == "NOK"


@pytest.mark.parametrize(
    ("path", "leads"),
    [
        ("/stats/?site_id=101000001", "/sites/101000001/"),
        ("/stats/home?site_id=101000001", "/sites/101000001/"),
        ("/stats/visitors?site_id=101000001&ip_address=10.0.0.1", "/sites/101000001/visitors?ip=10.0.0.1"),
        ("/stats/visitors?site_id=101000001&href=/a%26b", "/sites/101000001/visitors?page=%2Fa%26b"),
        ("/stats/visitors?site_id=101000001&uid=77", "/sites/101000001/visitors?visitor_id=77"),
        ("/stats/visitors?site_id=101000001&country=USA", "/sites/101000001/visitors?country=US"),
        ("/stats/visitors?site_id=101000001&country=Nowhere", "/sites/101000001/visitors"),
        (
            "/stats/visitors?site_id=101000001&browser=Google+Chrome+120&os=Mac+OS+X",
            "/sites/101000001/visitors?browser=Chrome&browser_version=120&os=Mac+OS+X",
        ),
        (
            "/stats/visitors?site_id=101000001&city=Austin,+Texas,+USA&os=Windows+10",
            "/sites/101000001/visitors?city=Austin&region=Texas&country=US&os=Windows&os_version=10",
        ),
        ("/stats/visitors?site_id=101000001&browser=Unknown", "/sites/101000001/visitors?browser="),
        ("/stats/spy?site_id=101000001", "/sites/101000001/spy"),
        ("/stats/goals-setup?site_id=101000001", "/sites/101000001/goals"),
        ("/stats/pages?site_id=101000001", "/sites/101000001/content"),
        ("/stats/anything?site_id=101000001", "/sites/101000001/"),
        ("/stats/home", "/sites"),
        ("/user/preferences/site?site_id=101000001", "/sites/101000001/settings"),
        ("/101000001", "/sites/101000001/"),
        ("/user/", "/me"),
        ("/user", "/me"),
        ("/help/api", "/docs/clicky"),
        ("/help/", "/docs/clicky"),
    ],
)
def test_clickys_links_redirect_to_the_right_page(path: str, leads: str) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, leads)


def test_a_clicky_link_keeps_its_dates(site: Site, alice: User) -> None:
    address, client = f"/stats/visitors?site_id={site.pk}&date=2026-03-01,2026-03-07", Client()
    assert client.get(address).headers["Location"].startswith("/login?next=/stats/visitors")
    client.force_login(alice)
    assert client.get(address).headers["Location"] == f"/sites/{site.pk}/visitors?period=2026-03-01..2026-03-07"


def test_a_clicky_link_with_a_date_does_not_reveal_existing_sites(site: Site, charlie: User) -> None:
    client = Client()
    for number in (site.pk, 987654321):
        address = f"/stats/visitors?site_id={number}&date=today"
        assert Client().get(address).headers["Location"].startswith("/login?")
        client.force_login(charlie)
        assert client.get(address).status_code == 404


def test_an_invalid_site_id_in_a_link_is_not_found() -> None:
    for bad in ("//evil.example", "1e9", "٣", "-1", "9" * 30):
        assert Client().get("/stats/home", {"site_id": bad}).status_code == 404


def test_the_links_in_responses_open(alice: User, site: Site, store: Store) -> None:
    browse(site, "/a b?c=<d>", country="EE", at=datetime.now(UTC))
    client = Client()
    client.force_login(alice)
    for type in ("pages", "countries", "traffic-sources"):
        (item,) = Clicky(site).items(type)
        assert client.get(item["stats_url"].removeprefix("http://testserver")).status_code == 200


def framed(site: Site, **given: Any) -> Any:
    asked = {"site_id": site.pk, "sitekey": site.sitekey, **given}
    return Client().get("/stats/wp-iframe", asked)


def test_the_overview_opens_in_a_frame_with_the_site_s_key(site: Site, store: Store) -> None:
    browse(site, "/in-the-frame", at=datetime.now(UTC) - timedelta(days=2))
    answer = framed(site, date="2-days-ago")
    html = answer.content.decode()
    assert answer.status_code == 200 and "/in-the-frame" in html
    assert "X-Frame-Options" not in answer and "frame-ancestors *" in answer["Content-Security-Policy"]
    assert answer.cookies.output() == "" and site.sitekey not in html
    assert "/in-the-frame" not in framed(site, date="today").content.decode()


def test_the_frames_links_work_without_the_key_until_it_is_replaced(site: Site, store: Store) -> None:
    browse(site, "/in-the-frame", at=datetime.now(UTC))
    home = f"/share/{build_key_token(site)}/embed"
    html = framed(site).content.decode()
    links = {link for link in re.findall(r'(?:href|hx-get)="(/[^"]*)"', html) if not link.startswith("/static/")}
    assert links and all(link.startswith(home) for link in links)
    for address in (home, f"{home}/panel/pages/top", f"{home}/details/page"):
        answer = Client().get(address)
        assert answer.status_code == 200 and "X-Frame-Options" not in answer
    site_keys_rotate(site=site)
    site_cache.refresh()
    assert Client().get(home).status_code == 404


@pytest.mark.parametrize("key", ["", "wrong", "ckckckckckckckck"])
def test_a_frame_with_a_wrong_key_shows_the_error_in_the_frame(site: Site, store: Store, key: str) -> None:
    browse(site, "/in-the-frame", at=datetime.now(UTC))
    answer = framed(site, sitekey=key)
    assert answer.status_code == 403 and "X-Frame-Options" not in answer
    assert "do not match" in answer.content.decode() and "/in-the-frame" not in answer.content.decode()


def test_the_key_of_another_site_opens_no_frame(site: Site, charlies_site: Site, store: Store) -> None:
    assert framed(site, sitekey=charlies_site.sitekey).status_code == 403
    forged = build_key_token(charlies_site).replace(str(charlies_site.pk), str(site.pk))
    assert Client().get(f"/share/{forged}/embed").status_code == 404


def test_a_link_to_the_frame_without_a_key_redirects_to_the_overview(site: Site) -> None:
    answer = Client().get("/stats/wp-iframe", {"site_id": site.pk})
    assert answer.headers["Location"] == f"/sites/{site.pk}/"


@pytest.mark.parametrize("country", ["de", "DE", "xx", "gb"])
def test_flags_are_images_that_other_sites_may_embed(country: str) -> None:
    response = Client().get(f"/media/flags/{country}.gif")
    assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
    assert response.content.startswith(b"GIF8") and response["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert not response.cookies


def test_a_code_without_a_flag_is_not_found() -> None:
    response = Client().get("/media/flags/zz.gif")
    assert (response.status_code, response.content.decode()) == (404, "There is no such flag.")
    assert not response.cookies


def shorten(user: User, **params: str) -> Any:
    return Client().post(
        "/app/api", {"username": user.email, "password": PASSWORD, "url": "https://shop.example/spring", **params}
    )


def test_the_shortener_creates_a_link_and_returns_its_url_as_text(alice: User, site: Site, store: Store) -> None:
    response = shorten(alice, title="Spring", site_id=str(site.pk))
    link = Datapoint.objects.get(account=site.account)
    assert (response.status_code, response.content.decode()) == (200, build_tracking_url(link))
    assert (link.url, link.title) == ("https://shop.example/spring", "Spring")


def test_without_a_site_the_link_is_created_in_the_users_current_account(alice: User, store: Store) -> None:
    owned, joined = (Account.objects.create(name=name) for name in ("Owned", "Joined"))
    alice.memberships.all().delete()
    for account, role in ((joined, Role.ADMIN), (owned, Role.OWNER)):
        Membership.objects.create(user=alice, account=account, role=role, accepted=datetime(2026, 1, 1, tzinfo=UTC))
    shorten(alice)
    User.objects.filter(pk=alice.pk).update(last_account=joined)
    shorten(alice)
    assert [link.account for link in Datapoint.objects.order_by("pk")] == [owned, joined]


def test_the_shortener_rejects_with_a_message_and_a_status(
    alice: User, bob: User, site: Site, charlies_site: Site, store: Store
) -> None:
    refusals = [
        shorten(alice, password="wrong"),
        shorten(alice, url="javascript:alert(1)"),
        shorten(alice, site_id=str(charlies_site.pk)),
        shorten(bob),
        shorten(bob, site_id=str(site.pk)),
    ]
    assert [response.status_code for response in refusals] == [403, 400, 403, 403, 403]
    assert all(response["Content-Type"].startswith("text/plain") for response in refusals)
    assert not Datapoint.objects.exists()


@pytest.mark.parametrize(
    "path", ["api/whitelabel/a%3Fb", "api/whitelabel/a%0Ab", "api/v1/a%3Fb", "api/v1/a%0Ab", "api/a%3Fb"]
)
def test_an_address_with_a_question_mark_or_line_break_gets_the_apis_own_answer(path: str) -> None:
    assert not Client().get(f"/{path}")["Content-Type"].startswith("text/html")
