"""Writes of users."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.audit.recording import read_fields, record_action, record_change
from accounts.models import User
from accounts.selectors import CHANGELOG_PREFERENCE
from accounts.services.accounts import account_create
from accounts.services.personal_tokens import personal_tokens_revoke
from accounts.services.sessions import sessions_end
from accounts.validators import clean_address, normalize_address, shorten_name

P = ParamSpec("P")


@transaction.atomic
def user_create(*, email: str, password: str, name: str = "", operator: bool = False, is_verified: bool = True) -> User:
    """Create a user who can log in, or turn a placeholder (`is_placeholder`) into one.

    `is_verified`: the caller has made sure that the address is the person's; otherwise they can log in after entering a
    code that is mailed there. Raises ValidationError for an address that is used or
    invalid, and for a weak password.
    """
    address, full_name = normalize_address(email), shorten_name(name)
    _run_validator("email", clean_address, address)
    user = User.objects.filter(email=address).first() or User(email=address)
    if user.pk is not None and not is_placeholder(user):
        raise ValidationError({"email": "There is already a user with this address."})
    if user.pk is not None:
        user_ways_in_end(user=user)
    user.name, user.is_operator = full_name, operator
    _run_validator("password", validate_password, password, user)
    user.set_password(password)
    user.save()
    _delete_rows_of_others(user)
    if is_verified:
        user_email_verify(user=user)
    else:
        EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)
    record_action("user.created", user)
    return user


@transaction.atomic
def user_sign_up(*, email: str, password: str | None, name: str, account_name: str) -> User:
    """Create a user who signed up, and the account they own. Nobody can log in as them before the address is verified.

    Without a password they log in by a passkey. Raises ValidationError.
    """
    user = User(email=email, name=shorten_name(name))
    user.set_password(password)
    user.save()
    record_action("user.created", user)
    account_create(name=account_name, owner=user)
    return user


@transaction.atomic
def user_email_verify(*, user: User, keep: SocialAccount | None = None) -> None:
    """Record that the user's address is theirs: they opened a mailed link, came by a provider that has proven it, or
    whoever created them made sure.

    If somebody had signed up with the address and not proven it, that may have been a stranger: all ways in that they
    made end, but for `keep`, the identity at a provider that proves the address now.
    """
    _delete_rows_of_others(user)
    if EmailAddress.objects.filter(user=user, email=user.email, verified=False).exists():
        user_ways_in_end(user=user, keep=keep)
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})


def _delete_rows_of_others(user: User) -> None:
    """Delete what other users have stored of the user's address, which providers used to name beside their own: nobody
    logs in by it, and it would keep the user from verifying it."""
    EmailAddress.objects.filter(email=user.email).exclude(user=user).delete()


@transaction.atomic
def user_ways_in_end(*, user: User, keep: SocialAccount | None = None) -> None:
    """End all by which somebody could act as the user so far: the password, identities at providers (but `keep`),
    second factors, sessions and tokens."""
    identities = SocialAccount.objects.filter(user=user).exclude(pk=keep.pk if keep is not None else None)
    factors = Authenticator.objects.filter(user=user)
    kinds = sorted(factors.values_list("type", flat=True))
    names = sorted(identities.values_list("provider", flat=True))
    identities.delete()
    factors.delete()
    if kinds:
        record_action("second_factor.removed", user, changes={"kind": (", ".join(kinds), None)})
    if names:
        record_action("user.changed", user, changes={"identities": (", ".join(names), None)})
    if user.has_usable_password():
        user.set_unusable_password()
        user.save(update_fields=["password"])
        record_action("password.changed", user)
    sessions_end(user=user)
    personal_tokens_revoke(user=user)


def user_changelog_read(*, user: User, version: str) -> None:
    """Note the latest version of which the person has read what is new."""
    user.preferences = {**user.preferences, CHANGELOG_PREFERENCE: version}
    user.save(update_fields=["preferences"])


@transaction.atomic
def user_update(*, user: User, name: str) -> User:
    """Change a user's name."""
    before = read_fields(user)
    user.name = shorten_name(name)
    user.save(update_fields=["name"])
    record_change("user.changed", user, before)
    return user


@transaction.atomic
def user_password_set(*, user: User, password: str) -> None:
    """Set a new password; every other session of the user ends. Raises ValidationError for a weak one."""
    _run_validator("password", validate_password, password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    record_action("password.changed", user)


def placeholder_user_get_or_create(*, email: str) -> User:
    """Return the user with this address; for a new address, a placeholder: a user without password.

    Raises ValidationError for an invalid address.
    """
    try:
        address = clean_address(email)
    except ValidationError:
        raise ValidationError({"email": "This is not an e-mail address."}) from None
    return User.objects.get_or_create(email=address, defaults={"password": make_password(None)})[0]


def is_placeholder(user: User) -> bool:
    """Whether the user was only invited so far: no password, never logged in, and no accepted membership."""
    has_log_in = user.last_login is not None or user.has_usable_password()
    return user.is_active and not has_log_in and not user.memberships.accepted().exists()


def placeholder_user_delete(*, user: User) -> None:
    """Delete a placeholder that has no membership left; does nothing for other users."""
    if is_placeholder(user) and not user.memberships.exists():
        user.delete()


def _run_validator(field: str, validator: Callable[P, object], *args: P.args, **named: P.kwargs) -> None:
    """Run one of Django's validators; its error is raised for `field`."""
    try:
        validator(*args, **named)
    except ValidationError as error:
        raise ValidationError({field: error.messages}) from error
