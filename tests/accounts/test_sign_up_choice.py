"""Operators choose who may become a user; the environment's SIGN_UP is what holds without a choice."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

from accounts.audit.models import AuditEntry
from accounts.models import Account, InstallationSettings, Invitation, User
from tests.conftest import PASSWORD
from tests.support import log_in, read_html

pytestmark = pytest.mark.django_db


@pytest.fixture
def console(alice: User) -> Client:
    """The browser of an operator."""
    alice.is_operator = True
    alice.set_password(PASSWORD)
    alice.save()
    return log_in(alice)


def choose(console: Client, word: str) -> None:
    assert console.post("/operations/sign-up", {"sign_up": word})["Location"] == "/operations/sign-up"


@pytest.mark.parametrize("default", ["open", "invitation", "closed"])
def test_a_choice_replaces_the_environments_until_it_is_taken_back(
    default: str, console: Client, settings: Settings
) -> None:
    settings.SIGN_UP = default
    statuses = {"open": 200, "invitation": 403, "closed": 403}
    assert Client().get("/signup").status_code == statuses[default]
    for word in ("open", "closed", "invitation", ""):
        choose(console, word)
        answer = Client().get("/signup")
        assert answer.status_code == statuses[word or default]
        assert ("by invitation only" in read_html(answer)) is ((word or default) == "invitation")


def test_while_it_is_closed_an_invitation_waits_and_its_lists_say_so(console: Client, account: Account) -> None:
    invitation = Invitation.objects.create(account=account, email="zoe@example.org")
    choose(console, "closed")
    answer = Client().post(f"/join/{invitation.token}", {"password": PASSWORD})
    assert answer.status_code == 403 and "stays open" in read_html(answer)
    assert "No new users are accepted here" in read_html(console.get("/account/invitations"))
    choose(console, "invitation")
    assert Client().post(f"/join/{invitation.token}", {"password": PASSWORD}).status_code == 302


def test_the_choice_is_in_the_installations_log_and_not_an_unknown_word(console: Client) -> None:
    assert console.post("/operations/sign-up", {"sign_up": "sometimes"}).status_code == 200
    assert not InstallationSettings.objects.exists()
    choose(console, "closed")
    choose(console, "closed")
    entry = AuditEntry.objects.get(action="installation.changed")
    assert entry.account_id is None and entry.changes == {"sign_up": ["", "closed"]}
    assert mail.outbox == []


def test_only_operators_choose(inside: Client) -> None:
    assert inside.post("/operations/sign-up", {"sign_up": "open"}).status_code == 404
