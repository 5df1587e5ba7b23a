"""Who left an account with single sign-on does not come back through its provider as more than they were."""

from __future__ import annotations

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.utils import timezone

from accounts.audit.models import AuditEntry
from accounts.models import Account, Membership, Role, User
from accounts.services.invitations import invitation_create
from accounts.services.sso import sso_login_record
from accounts.sso.models import SsoConnection
from tests.accounts.test_second_factor_demand import open_browser
from tests.accounts.test_sign_up import find_code
from tests.conftest import PASSWORD
from tests.support.traffic import confirm

ZOE = "zoe@acme.test"


@pytest.fixture
def connection(account: Account, alice: User) -> SsoConnection:
    """Alice's account has a provider, whose people become viewers."""
    return SsoConnection.objects.create(account=account, issuer="https://login.acme.test", client_id="c-1")


@pytest.fixture
def zoe(connection: SsoConnection) -> User:
    """A viewer with a password."""
    user = User.objects.create_user(ZOE, PASSWORD, name="Zoe")
    Membership.objects.create(user=user, account=connection.account, role=Role.VIEWER)
    return user


def join_through_provider(connection: SsoConnection) -> str:
    """Come through the provider with zoe's address, as a new user if there is none; returns the role, "" without."""
    user = User.objects.filter(email=ZOE).first() or User.objects.create_user(ZOE)
    membership = sso_login_record(connection=connection, user=user, now=timezone.now())
    return membership.role if membership else ""


@pytest.mark.parametrize(
    ("default", "left_as", "returns_as"),
    [("editor", "guest", "guest"), ("editor", "viewer", "viewer"), ("viewer", "admin", "viewer")],
)
def test_who_deletes_themselves_does_not_return_with_a_higher_role(
    default: str, left_as: str, returns_as: str, connection: SsoConnection, zoe: User
) -> None:
    SsoConnection.objects.update(default_role=default)
    connection.refresh_from_db()
    Membership.objects.filter(user=zoe).update(role=left_as)
    browser = confirm(open_browser(zoe), PASSWORD)
    assert browser.post("/me/delete", {"email": ZOE})["Location"] == "/login"
    assert not User.objects.filter(email=ZOE).exists()
    assert join_through_provider(connection) == returns_as


def test_the_address_that_the_provider_names_counts_beside_the_persons_own(
    connection: SsoConnection, zoe: User
) -> None:
    SsoConnection.objects.update(default_role="admin")
    connection.refresh_from_db()
    SocialAccount.objects.create(
        user=zoe, provider=connection.slug, uid="u-1", extra_data={"userinfo": {"email": "ZOE@acme.test"}}
    )
    User.objects.filter(pk=zoe.pk).update(email="zoe@private.test")
    browser = confirm(open_browser(zoe), PASSWORD)
    assert browser.post("/me/delete", {"email": "zoe@private.test"})["Location"] == "/login"
    assert join_through_provider(connection) == "viewer"


def change_address(browser: Client, email: str) -> None:
    """Change the address of who is logged in, by the code that is mailed there."""
    assert confirm(browser, PASSWORD).post("/me/email", {"action_add": "1", "email": email}).status_code == 302
    browser.post("/signup/verify", {"code": find_code()})


def test_who_was_removed_does_not_return_by_another_address_of_their_own(
    connection: SsoConnection, zoe: User, alice: User
) -> None:
    claims = {"userinfo": {"email": ZOE}}
    SocialAccount.objects.create(user=zoe, provider=connection.slug, uid="u-1", extra_data=claims)
    browser = open_browser(zoe)
    open_browser(alice).post(f"/account/team/{zoe.memberships.get().pk}/remove")
    change_address(browser, "zoe+x@acme.test")
    zoe.refresh_from_db()
    assert zoe.email == "zoe+x@acme.test"
    assert sso_login_record(connection=connection, user=zoe, now=timezone.now()) is None
    by = Membership.objects.get(user=alice)
    invitation = invitation_create(account=connection.account, email=zoe.email, role=Role.VIEWER, by=by)
    assert browser.post(f"/join/{invitation.token}")["Location"] == "/"
    assert not connection.former_members.exists(), "an invitation ends it for all of their addresses"


@pytest.mark.parametrize(
    ("roles", "joins_as"), [(("viewer", "guest"), "guest"), (("guest", ""), ""), (("admin", "editor"), "editor")]
)
def test_of_several_addresses_the_strictest_counts(
    roles: tuple[str, str], joins_as: str, connection: SsoConnection
) -> None:
    SsoConnection.objects.update(default_role="editor")
    connection.refresh_from_db()
    user = User.objects.create_user(ZOE)
    claims = {"id_token": {"email": "zoe.old@acme.test"}}
    SocialAccount.objects.create(user=user, provider=connection.slug, uid="u-1", extra_data=claims)
    for email, role in zip((ZOE, "zoe.old@acme.test"), roles, strict=True):
        connection.former_members.create(email=email, role=role, at=timezone.now())
    assert join_through_provider(connection) == joins_as


def test_who_was_removed_returns_by_an_invitation_only(connection: SsoConnection, zoe: User, alice: User) -> None:
    owner, member = open_browser(alice), zoe.memberships.get()
    owner.post(f"/account/team/{member.pk}/remove")
    assert not zoe.memberships.exists()
    assert join_through_provider(connection) == ""
    refusal = AuditEntry.objects.get(account=connection.account, action="sso.refused")
    assert refusal.changes["email"] == [None, ZOE] and "was removed" in refusal.changes["reason"][1]
    zoe.delete()
    assert join_through_provider(connection) == "", "nor as a new user"
    by = Membership.objects.get(user=alice)
    invitation = invitation_create(account=connection.account, email=ZOE, role=Role.VIEWER, by=by)
    invited = open_browser(User.objects.get(email=ZOE))
    assert invited.post(f"/join/{invitation.token}")["Location"] == "/"
    assert join_through_provider(connection) == "viewer"
