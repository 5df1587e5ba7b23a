"""The emergency owner of “SSO only” neither leaves nor loses what they log in by without anybody's noticing."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Membership, Role, User
from accounts.sso.models import SsoConnection, SsoLogin
from tests.accounts.test_second_factor_demand import add_factor, open_browser
from tests.accounts.test_sso import confirm_by_code
from tests.conftest import PASSWORD, member
from tests.support import read_html
from tests.support.traffic import confirm

pytestmark = pytest.mark.django_db
SENTENCE = "This person is the emergency owner of single sign-on"


@pytest.fixture
def olga(account: Account) -> User:
    """Another owner."""
    user = member(account, "olga", Role.OWNER)
    add_factor(user)
    return user


@pytest.fixture
def protected(enforced: SsoConnection, alice: User, zoe: User) -> SsoConnection:
    """“SSO only” with alice as the emergency owner, who has a password and a second factor."""
    add_factor(alice)
    SsoLogin.objects.create(connection=enforced, user=zoe, at=timezone.now())
    return enforced


def send(client: Client, method: str, path: str, body: object = None) -> Any:
    return getattr(client, method)(f"/api/v1/{path}", body, content_type="application/json")


def choose(browser: Client, owner: User) -> None:
    choice = {"enforced": "1", "way_back": owner.email}
    assert browser.post("/account/sso/enforce", choice)["Location"] == "/account/sso"
    assert SsoConnection.objects.get().way_back == owner


def test_the_emergency_owner_is_neither_removed_nor_demoted(protected: SsoConnection, alice: User, olga: User) -> None:
    theirs, membership = confirm_by_code(open_browser(olga)), alice.memberships.get()
    page = f"/account/team/{membership.pk}"
    for browser in (theirs, open_browser(alice)):
        for role in ("admin", "viewer"):
            assert SENTENCE in read_html(browser.post(page, {"role": role}, follow=True)), role
            assert SENTENCE in send(browser, "patch", f"members/{membership.pk}", {"role": role}).content.decode()
        assert SENTENCE in read_html(browser.post(f"{page}/remove", follow=True))
        assert SENTENCE in send(browser, "delete", f"members/{membership.pk}").content.decode()
    membership.refresh_from_db()
    assert membership.role == Role.OWNER and SsoConnection.objects.get().way_back == alice
    choose(theirs, olga)
    assert send(theirs, "patch", f"members/{membership.pk}", {"role": "admin"}).status_code == 200
    assert send(theirs, "delete", f"members/{membership.pk}").status_code == 204


def test_other_owners_leave_and_so_does_everybody_without_sso_only(
    protected: SsoConnection, alice: User, olga: User
) -> None:
    browser = open_browser(alice)
    assert send(browser, "delete", f"members/{olga.memberships.get().pk}").status_code == 204
    other = member(protected.account, "otto", Role.OWNER)
    SsoConnection.objects.update(enforced=False)
    assert send(open_browser(other), "delete", f"members/{alice.memberships.get().pk}").status_code == 204


def test_the_emergency_owner_does_not_delete_themselves(protected: SsoConnection, alice: User, olga: User) -> None:
    browser = confirm_by_code(open_browser(alice))
    page = read_html(browser.get("/me/delete"))
    assert "You are the emergency owner of single sign-on in Alice &amp; Co" in page and "Delete my user" not in page
    refused = browser.post("/me/delete", {"email": alice.email})
    assert "Choose another one first" in read_html(refused) and User.objects.filter(pk=alice.pk).exists()
    choose(browser, olga)
    SsoConnection.objects.update(enforced=False, way_back=olga)  # so that her session by password goes on
    browser = confirm(open_browser(alice), PASSWORD)
    assert browser.post("/me/delete", {"email": alice.email})["Location"] == "/login"
    assert SsoConnection.objects.get().way_back == olga


def lose_factor(owner: User) -> None:
    Authenticator.objects.filter(user=owner).delete()


def lose_password(owner: User) -> None:
    owner.set_unusable_password()
    owner.save()


def lose_account(owner: User) -> None:
    Membership.objects.filter(user=owner).update(role=Role.ADMIN)


def be_disabled(owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_active=False)


def vanish(owner: User) -> None:
    owner.delete()


@pytest.mark.parametrize(
    ("lose", "sentence"),
    [
        (lose_factor, "has lost a second factor"),
        (lose_password, "has lost a password"),
        (lose_account, "no longer owns this account"),
        (be_disabled, "no longer owns this account"),
        (vanish, "There is no emergency owner any more"),
    ],
)
def test_the_page_warns_when_nobody_could_log_in_without_the_provider(
    lose: Any, sentence: str, protected: SsoConnection, alice: User, olga: User
) -> None:
    browser = open_browser(olga)
    assert "when the provider fails. Choose" not in read_html(browser.get("/account/sso"))
    lose(alice)
    page = read_html(browser.get("/account/sso"))
    assert sentence in page and "when the provider fails. Choose" in page
    SsoConnection.objects.update(enforced=False)
    assert "when the provider fails. Choose" not in read_html(browser.get("/account/sso"))
