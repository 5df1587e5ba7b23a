"""Strangers sign up with addresses that are not theirs; whoever proves such an address is alone in it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.utils import timezone

from accounts.audit.models import AuditEntry
from accounts.models import Account, Membership, Role, User
from accounts.security.password_login import build_reset_path
from accounts.services.invitations import invitation_create
from accounts.services.personal_tokens import personal_token_create
from accounts.services.sign_ups import UNVERIFIED_DAYS, sign_ups_expire
from tests.accounts.test_second_factor_demand import add_factor
from tests.accounts.test_social_login import ADDRESS, StandIn, is_in, log_in, open_browser, stand_in  # noqa: F401
from tests.conftest import PASSWORD


@pytest.fixture
def taken(stand_in: StandIn) -> User:  # noqa: F811
    """A user whom a stranger has made: Microsoft names zoe's address, which the stranger has not proven."""
    assert log_in(open_browser(), "microsoft") == "/signup/verify"
    user = User.objects.get(email=ADDRESS)
    add_factor(user)
    return user


def check_ways_of_the_stranger_ended(user: User, providers: list[str]) -> None:
    """Check which identities the user has, and that Microsoft's leads the stranger nowhere."""
    assert list(SocialAccount.objects.filter(user=user).values_list("provider", flat=True)) == providers
    assert not Authenticator.objects.filter(user=user).exists()
    assert not user.memberships.filter(personal_tokens__isnull=False).exists()
    stranger = open_browser()
    assert log_in(stranger, "microsoft") == "/login" and not is_in(stranger)


def test_who_resets_the_password_of_an_address_that_a_stranger_took_is_alone_in_it(taken: User) -> None:
    personal_token_create(membership=taken.memberships.get(), name="t", scopes=["sites:read"])
    browser = open_browser()
    form = browser.get(build_reset_path(taken))["Location"]
    browser.post(form, {"password": "quite another long word"})
    assert is_in(browser)
    check_ways_of_the_stranger_ended(taken, [])
    entry = AuditEntry.objects.filter(action="user.changed", target_id=str(taken.pk)).get()
    assert entry.changes == {"identities": ["microsoft", None]}


@pytest.mark.parametrize("name", ["google", "github"])
def test_who_comes_by_a_provider_that_has_proven_such_an_address_is_alone_in_it(name: str, taken: User) -> None:
    taken.set_password(PASSWORD)
    taken.save()
    browser = open_browser()
    assert log_in(browser, name) == "/me" and is_in(browser)
    check_ways_of_the_stranger_ended(taken, [name])
    taken.refresh_from_db()
    assert not taken.has_usable_password()
    assert log_in(later := open_browser(), name) == "/me" and is_in(later)


def test_ways_in_of_a_proven_address_stay(stand_in: StandIn, alice: User) -> None:  # noqa: F811
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    SocialAccount.objects.create(user=alice, provider="microsoft", uid="m-1")
    stand_in.email = alice.email
    assert log_in(open_browser(), "google") == "/me"
    assert SocialAccount.objects.filter(user=alice).count() == 2 and alice.check_password(PASSWORD)


def test_who_is_invited_after_a_strangers_sign_up_ended_is_alone_in_it(
    taken: User, account: Account, alice: User
) -> None:
    Membership.objects.create(user=taken, account=account, role=Role.GUEST, accepted=None)
    assert sign_ups_expire(now=timezone.now() + timedelta(days=UNVERIFIED_DAYS, seconds=10)) == 1
    by = Membership.objects.get(user=alice)
    invitation = invitation_create(account=account, email=ADDRESS, role=Role.VIEWER, by=by)
    browser = open_browser()
    browser.post(f"/join/{invitation.token}", {"name": "Zoe", "password": "quite another long word"})
    assert is_in(browser)
    check_ways_of_the_stranger_ended(taken, [])
