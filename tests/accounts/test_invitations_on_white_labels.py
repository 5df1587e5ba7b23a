"""Invitations of an account with a white label: it controls the host of the link, so the link proves no address."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core import mail
from django.core.cache import caches
from django.test import Client

from accounts.models import Account, Invitation, Purpose, Role, User
from accounts.services import account_brand_set
from accounts.services.invitations import invitation_create
from tests.conftest import PASSWORD
from tests.support import log_in, read_html, verify_host
from tests.support.clickmeter_client import use_account_key
from tests.values import extract

pytestmark = pytest.mark.django_db
HOST, VICTIM = "stats.evil.test", "victim@corp.example"
CHOSEN = {"name": "Victor", "password": "attackers-password-1"}


@pytest.fixture
def theirs(charlie: User) -> Account:
    """Charlie's account, with a white label on a host that charlie controls."""
    caches["requests"].clear()
    account: Account = charlie.memberships.get().account
    account_brand_set(account=account, host=HOST, name="Charlie Numbers")
    verify_host(account, HOST, Purpose.BRAND)
    return account


def read_link() -> str:
    """Read the path of the link in the last mail, which charlie's server sees once somebody follows it."""
    return extract(r"(/join/\w+)", mail.outbox[-1].body)


def invite(charlie: User, email: str = VICTIM) -> str:
    log_in(charlie).post("/account/team", {"email": email, "role": "viewer"})
    assert mail.outbox[-1].to == [email]
    return read_link()


def read_code() -> str:
    return extract(r"(?m)^([A-Z0-9]{4}-[A-Z0-9]{4})$", mail.outbox[-1].body)


def is_in(browser: Client) -> bool:
    return browser.get("/me").status_code == 200


def invite_again(charlie: User) -> None:
    invite(charlie)
    log_in(charlie).post(f"/account/invitations/{Invitation.objects.open().get().pk}/resend")
    assert len(mail.outbox) == 2


def invite_by_key(charlie: User) -> None:
    key, body = charlie.memberships.get().account.authkey, {"email": VICTIM, "role": "viewer"}
    program = Client(headers={"authorization": f"Bearer {key}"})
    assert program.post("/api/v1/invitations", body, content_type="application/json").json()["link"] == ""


def invite_by_clickmeter(charlie: User) -> None:
    use_account_key(charlie.memberships.get().account).post("/account/guests", {"email": VICTIM})


@pytest.mark.parametrize("host", ["testserver", HOST])
@pytest.mark.parametrize("way", [invite, invite_again, invite_by_key, invite_by_clickmeter])
def test_who_reads_the_link_on_its_host_does_not_become_the_invited_person(
    way: Callable[[User], object], host: str, theirs: Account, charlie: User, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        way(charlie)
    link = read_link()
    assert f"//{HOST}{link}" in mail.outbox[-1].body
    attacker = Client(HTTP_HOST=host)
    assert "We mail a code to that address" in read_html(attacker.get(link))
    assert attacker.post(link, CHOSEN)["Location"] == "/signup/verify" and not is_in(attacker)
    assert mail.outbox[-1].to == [VICTIM] and "/join/" not in mail.outbox[-1].body
    attacker.post("/login", {"email": VICTIM, "password": CHOSEN["password"]})
    assert not is_in(attacker) and not theirs.memberships.accepted().filter(user__email=VICTIM).exists()


def test_what_the_attacker_chose_ends_when_the_person_comes(theirs: Account, charlie: User) -> None:
    Client().post(invite(charlie), CHOSEN)
    victim = Client()
    victim.post("/password/reset", {"email": VICTIM})
    form = victim.get(extract(r"(/password/reset/\S+)", mail.outbox[-1].body))["Location"]
    victim.post(form, {"password": "the victim's own words"})
    assert is_in(victim)
    attacker = Client()
    attacker.post("/login", {"email": VICTIM, "password": CHOSEN["password"]})
    assert not is_in(attacker)


def test_the_invited_person_enters_the_code_and_sees_the_brand_only(theirs: Account, charlie: User) -> None:
    link, person = invite(charlie), Client(HTTP_HOST=HOST)
    assert person.post(link, CHOSEN)["Location"] == "/signup/verify"
    letter = str(mail.outbox[-1].message())
    assert "Charlie Numbers <noreply@stats.evil.test>" in letter and "footfall" not in letter.lower()
    assert "footfall" not in read_html(person.get("/signup/verify")).lower()
    assert person.post("/signup/verify", {"code": read_code()})["Location"] == link
    assert person.post(link)["Location"] == "/"
    assert theirs.memberships.accepted().get(user__email=VICTIM).role == Role.VIEWER


def test_a_code_is_mailed_in_the_name_of_no_account_that_does_not_invite(
    theirs: Account, account: Account, alice: User
) -> None:
    """Anybody can open a link on any host."""
    invitation = invitation_create(account=account, email=VICTIM, role="viewer", by=alice.memberships.get())
    Invitation.objects.filter(pk=invitation.pk).update(link_shown=True)
    Client(HTTP_HOST=HOST).post(f"/join/{invitation.token}", CHOSEN)
    assert mail.outbox[-1].to == [VICTIM] and read_code()
    assert HOST not in str(mail.outbox[-1].message())


def test_a_link_on_our_own_host_still_proves_the_address(account: Account, alice: User) -> None:
    person = Client()
    log_in(alice).post("/account/team", {"email": VICTIM, "role": "viewer"})
    link = extract(r"http://127\.0\.0\.1:8000(/join/\w+)", mail.outbox[-1].body)
    assert person.post(link, CHOSEN)["Location"] == "/" and is_in(person)


def test_a_link_keeps_what_it_proves_when_the_white_label_begins_or_ends(theirs: Account, charlie: User) -> None:
    exposed = invite(charlie)
    account_brand_set(account=theirs, host="")
    assert Client().post(exposed, CHOSEN)["Location"] == "/signup/verify", "it was mailed with the host of the account"
    safe = invite(charlie, "other@corp.example")
    account_brand_set(account=theirs, host=HOST)
    verify_host(theirs, HOST, Purpose.BRAND)
    assert Client().post(safe, CHOSEN)["Location"] == "/", "the mail had it, with our own host"


def test_a_person_who_has_a_user_logs_in_and_joins(theirs: Account, charlie: User, alice: User) -> None:
    link, browser = invite(charlie, alice.email), Client(HTTP_HOST=HOST)
    browser.post("/login", {"email": alice.email, "password": PASSWORD, "next": link})
    assert browser.post(link)["Location"] == "/"
    assert theirs.memberships.accepted().filter(user=alice).exists()


def test_links_that_were_mailed_before_the_upgrade_prove_nothing_either(
    theirs: Account, account: Account, alice: User, charlie: User
) -> None:
    for owner in (alice, charlie):
        by = owner.memberships.get()
        invitation_create(account=by.account, email=VICTIM, role="viewer", by=by)
    Invitation.objects.update(link_shown=False)
    import_module("accounts.migrations.0011_links_on_white_labels_prove_no_address").expose_links(apps, None)
    shown = dict(Invitation.objects.values_list("account_id", "link_shown"))
    assert shown == {account.pk: False, theirs.pk: True}
