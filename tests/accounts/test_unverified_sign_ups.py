"""Sign-ups whose address is not verified within a week end, so that an address is not taken by who does not own it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.audit.models import AuditEntry
from accounts.models import Account, Membership, Role, User
from accounts.services import is_placeholder
from accounts.services.sign_ups import UNVERIFIED_DAYS, sign_ups_expire
from config.periodic_tasks import PERIODIC_TASKS
from sites.services import site_create
from tests.values import extract

FIELDS = {"name": "Zoe", "email": "zoe@example.org", "password1": "a long enough password", "account_name": "Zoe Ltd"}


@pytest.fixture
def later(alice: User, settings: Settings) -> datetime:
    """When a sign-up of now has to be verified."""
    settings.SIGN_UP = "open"
    return timezone.now() + timedelta(days=UNVERIFIED_DAYS, seconds=10)


def sign_up(client: Client) -> User:
    assert client.post("/signup", FIELDS)["Location"] == "/signup/verify"
    return User.objects.get(email=FIELDS["email"])


def test_a_sign_up_that_was_not_verified_ends_after_a_week(client: Client, later: datetime) -> None:
    sign_up(client)
    assert sign_ups_expire(now=later - timedelta(minutes=1)) == 0
    assert sign_ups_expire(now=later) == 1
    assert not User.objects.filter(email=FIELDS["email"]).exists()
    assert not Account.objects.filter(name="Zoe Ltd").exists()
    assert not EmailAddress.objects.filter(email=FIELDS["email"]).exists()
    ended = AuditEntry.objects.filter(account=None).order_by("pk").values_list("action", "target_label")
    assert list(ended)[-2:] == [("account.deleted", "Zoe Ltd"), ("user.deleted", "Zoe")]


def test_the_address_can_sign_up_again(client: Client, later: datetime) -> None:
    sign_up(client)
    sign_ups_expire(now=later)
    cache.clear()  # an address gets another code after ten seconds
    sign_up(Client())
    assert "code is" in mail.outbox[-1].subject


def test_those_who_verified_their_address_stay(client: Client, later: datetime) -> None:
    sign_up(client)
    client.post("/signup/verify", {"code": extract(r"\b([A-Z0-9]{4}-[A-Z0-9]{4}|\d{6})\b", mail.outbox[-1].body)})
    assert sign_ups_expire(now=later) == 0
    assert client.get("/me").status_code == 200


def test_those_whose_address_needs_no_code_stay(later: datetime) -> None:
    User.objects.create_user("old@example.org", "a long enough password")
    assert sign_ups_expire(now=later) == 0 and User.objects.filter(email="old@example.org").exists()


def test_an_invitation_elsewhere_stays_and_the_password_of_the_stranger_ends(
    client: Client, later: datetime, account: Account
) -> None:
    zoe = sign_up(client)
    pending = Membership.objects.create(user=zoe, account=account, role=Role.EDITOR, accepted=None)
    assert sign_ups_expire(now=later) == 1
    zoe.refresh_from_db()
    assert is_placeholder(zoe) and not zoe.check_password(FIELDS["password1"]) and not zoe.name
    assert Membership.objects.filter(pk=pending.pk).exists() and account.memberships.filter(role=Role.OWNER).exists()
    assert not Account.objects.filter(name="Zoe Ltd").exists()


def test_an_account_in_which_an_operator_made_something_stays(client: Client, later: datetime) -> None:
    zoe = sign_up(client)
    site_create(account=zoe.memberships.get().account, domain="zoe.example", by_operator=True)
    assert sign_ups_expire(now=later) == 0 and User.objects.filter(pk=zoe.pk).exists()


def test_a_periodic_task_ends_them() -> None:
    assert "accounts.services.sign_ups.sign_ups_expire" in {task.path for task in PERIODIC_TASKS}
