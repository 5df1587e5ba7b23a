"""A person deletes their user: what must be done before, what ends, and what stays."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client

from accounts.audit.models import AuditEntry
from accounts.models import Account, Invitation, Membership, PersonalToken, Role, User
from accounts.services import account_create
from accounts.services.personal_tokens import personal_token_create
from links.services.guests import guest_create
from sites.models import Site
from tests.conftest import PASSWORD
from tests.support import log_in, read_html
from tests.support.clickmeter_client import use_own_key
from tests.values import extract

pytestmark = pytest.mark.django_db
CAROL = "carol@example.org"


@pytest.fixture
def carol(account: Account) -> User:
    """An editor of alice's account."""
    user = User.objects.create_user(CAROL, PASSWORD, name="Carol")
    Membership.objects.create(user=user, account=account, role=Role.EDITOR)
    return user


def open_confirmed(user: User) -> Client:
    """A browser of the user, a moment after the password was entered again."""
    browser = Client()
    browser.post("/login", {"email": user.email, "password": PASSWORD})
    browser.post("/me/confirm", {"password": PASSWORD})
    return browser


def test_the_password_is_asked_again_before(carol: User) -> None:
    browser = log_in(carol)
    assert browser.get("/me/delete")["Location"].startswith("/me/confirm?")
    assert browser.post("/me/delete", {"email": CAROL})["Location"].startswith("/me/confirm?")
    assert User.objects.filter(pk=carol.pk).exists()


def test_a_user_is_deleted_with_everything_that_acts_for_them(account: Account, carol: User, site: Site) -> None:
    membership = carol.memberships.get()
    key = membership.authkey
    personal_token_create(membership=membership, name="t", scopes=["sites:read"], sites=[])
    Authenticator.objects.create(user=carol, type=Authenticator.Type.RECOVERY_CODES, data={})
    browser, other = open_confirmed(carol), open_confirmed(carol)
    page = read_html(browser.get("/me/delete"))
    assert account.name.replace("&", "&amp;") in page and "Personal API tokens (1)" in page
    assert "Your address is" in read_html(browser.post("/me/delete", {"email": "else@example.org"}))
    assert User.objects.filter(pk=carol.pk).exists()
    assert browser.post("/me/delete", {"email": CAROL})["Location"] == "/login"
    assert not User.objects.filter(email=CAROL).exists() and not Session.objects.exists()
    assert not PersonalToken.objects.exists() and not Authenticator.objects.exists()
    for session in (browser, other):
        assert session.get("/me")["Location"].startswith("/login")
    headers = {"Authorization": f"Bearer {key}"}
    assert Client().get("/api/v1/me", headers=headers).status_code == 401
    assert mail.outbox[-1].to == [CAROL] and "was deleted" in mail.outbox[-1].body


def test_the_audit_log_keeps_who_it_was(account: Account, carol: User, alice: User) -> None:
    open_confirmed(carol).post("/me/delete", {"email": CAROL})
    entries = AuditEntry.objects.filter(account_id=account.pk, action__in=("user.deleted", "member.removed"))
    assert [(entry.actor_label, entry.target_label) for entry in entries.order_by("pk")] == [
        (f"Carol ({CAROL})", f"Carol ({CAROL})")
    ] * 2
    assert f"Carol ({CAROL})" in read_html(log_in(alice).get("/account/audit-log"))


def test_the_only_owner_of_an_account_hands_over_first(account: Account, carol: User) -> None:
    account_create(name="Carol's own", owner=carol)
    browser = open_confirmed(carol)
    page = read_html(browser.get("/me/delete"))
    assert "You are the only owner of Carol&#x27;s own." in page and "Delete my user" not in page
    refused = browser.post("/me/delete", {"email": CAROL})
    assert "You are the only owner" in read_html(refused) and User.objects.filter(pk=carol.pk).exists()
    assert carol.memberships.count() == 2, "nothing ended"
    own = Account.objects.get(name="Carol's own")
    Membership.objects.create(user=User.objects.create_user("dan@example.org"), account=own, role=Role.OWNER)
    assert browser.post("/me/delete", {"email": CAROL})["Location"] == "/login"


def test_the_only_operator_stays(carol: User) -> None:
    carol.is_operator = True
    carol.save()
    browser = open_confirmed(carol)
    assert "You are the only operator" in read_html(browser.post("/me/delete", {"email": CAROL}))
    User.objects.create_user("op@example.org", PASSWORD, is_operator=True)
    assert browser.post("/me/delete", {"email": CAROL})["Location"] == "/login"


def test_a_guest_whom_another_account_added_with_a_key_stays(carol: User, charlie: User) -> None:
    theirs = charlie.memberships.get().account
    program = use_own_key(guest_create(account=theirs, email=CAROL))
    Client().post("/login", {"email": charlie.email, "password": PASSWORD})
    log_in(charlie).post("/account/team", {"email": CAROL, "role": "guest"})
    link = extract(r"(/join/\w+)", mail.outbox[-1].body)
    open_confirmed(carol).post("/me/delete", {"email": CAROL})
    assert program.call("GET", "/account").status_code == 200
    assert Invitation.objects.open().get().email == CAROL
    assert Client().post(link, {"name": "C", "password": PASSWORD}).status_code == 302, "a new user, by invitation"
