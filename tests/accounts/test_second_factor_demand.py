"""An account that demands a second factor: what its members cannot do without one, and how they get one."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.models import Account, Membership, Role, User
from accounts.security.encrypted_fields import encrypt
from sites.models import Site
from tests.conftest import PASSWORD
from tests.support import read_html
from tests.support.clickmeter_client import use_account_key

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def add_factor(user: User) -> None:
    Authenticator.objects.create(user=user, type="totp", data={"secret": encrypt(SECRET)})


def open_browser(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def victor(account: Account) -> User:
    """A viewer without a second factor."""
    user = User.objects.create_user("victor@example.com", PASSWORD, name="Victor")
    Membership.objects.create(user=user, account=account, role=Role.VIEWER)
    return user


@pytest.fixture
def demanded(account: Account, alice: User, victor: User) -> Account:
    """Alice has a second factor, and demands one."""
    add_factor(alice)
    open_browser(alice).post("/account/second-factor", {"required": "1"})
    account.refresh_from_db()
    assert account.second_factor_required
    return account


@pytest.mark.usefixtures("store")
def test_a_member_without_a_second_factor_is_led_to_set_one_up(demanded: Account, site: Site, victor: User) -> None:
    browser = open_browser(victor)
    for path in (f"/sites/{site.pk}/", f"/sites/{site.pk}/spy", "/links"):
        assert browser.get(path)["Location"] == "/me/security", path
    assert "requires its members to have a second factor" in read_html(browser.get("/me/security"))
    assert browser.get("/me/security/app")["Location"].startswith("/me/confirm"), "the way there is open"
    add_factor(victor)
    assert browser.get(f"/sites/{site.pk}/").status_code == 200
    assert "requires its members" not in read_html(browser.get("/me/security"))


@pytest.mark.usefixtures("store")
def test_without_it_no_site_is_listed_and_other_accounts_stay_open(demanded: Account, site: Site, victor: User) -> None:
    browser = open_browser(victor)
    assert f"/sites/{site.pk}/" not in browser.get("/sites").content.decode()
    Membership.objects.create(user=victor, account=Account.objects.create(name="His own"), role=Role.OWNER)
    assert "His own" in browser.get("/account").content.decode()
    assert browser.get(f"/sites/{site.pk}/")["Location"] == "/me/security"


@pytest.mark.usefixtures("store")
def test_the_password_and_the_members_key_open_no_api_without_it(demanded: Account, victor: User) -> None:
    params = {"username": victor.email, "password": PASSWORD, "output": "json"}
    assert Client().get("/api/account/sites", params).json() == []
    headers = {"X-Clickmeter-Authkey": Membership.objects.get(user=victor).authkey}
    assert Client().get("/clickmeter/account", headers=headers).status_code == 401
    assert use_account_key(demanded).call("GET", "/account").status_code == 200, "the account's own key works"
    add_factor(victor)
    assert Client().get("/clickmeter/account", headers=headers).status_code == 200


def test_an_administrator_without_a_second_factor_cannot_demand_one(account: Account, alice: User) -> None:
    browser = open_browser(alice)
    answer = browser.post("/account/second-factor", {"required": "1"}, follow=True)
    assert "lock yourself out" in answer.content.decode()
    account.refresh_from_db()
    assert not account.second_factor_required


def test_the_demand_can_be_dropped(demanded: Account, alice: User, victor: User) -> None:
    open_browser(alice).post("/account/second-factor", {"required": "0"})
    assert open_browser(victor).get("/links").status_code != 302
