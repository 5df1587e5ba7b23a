"""Writes of this room: users, accounts, members, what guests may see."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from accounts.access import KINDS
from accounts.custom_domains.models import Purpose
from accounts.custom_domains.services import host_claim, host_release
from accounts.fields import cleaned_brand, cleaned_name, cleaned_zone
from accounts.models import Account, Grant, Membership, Right, Role, User


def user_create(*, email: str, password: str, name: str = "", operator: bool = False) -> User:
    """A person who can log in. Raises ValidationError for a taken or wrong address or a weak password."""
    address = email.strip().lower()
    _checked("email", validate_email, address)
    if User.objects.filter(email=address).exists():
        raise ValidationError({"email": "There is already a user with this address."})
    _checked("password", validate_password, password, User(email=address, name=name))
    return User.objects.create_user(address, password, name=name.strip()[:120], is_operator=operator)


def user_update(*, user: User, name: str) -> User:
    """Change how a person is called."""
    user.name = " ".join(name.split())[:120]
    user.save(update_fields=["name"])
    return user


def user_password_set(*, user: User, password: str) -> None:
    """A new password; every other session of the person ends. Raises ValidationError for a weak one."""
    _checked("password", validate_password, password, user)
    user.set_password(password)
    user.save(update_fields=["password"])


def user_lock(*, user: User) -> None:
    """Nobody can log in as the user until a password is set by a mailed link; such users set up no installation."""
    user.set_unusable_password()
    user.save(update_fields=["password"])


@transaction.atomic
def account_create(*, name: str, owner: User | None = None, timezone: str = "UTC") -> Account:
    """A new tenant, owned by `owner` if there is one. Raises ValidationError."""
    account = Account.objects.create(name=cleaned_name(name), timezone=cleaned_zone(timezone))
    if owner is not None:
        Membership.objects.create(user=owner, account=account, role=Role.OWNER)
    return account


def account_update(*, account: Account, name: str | None = None, timezone: str | None = None) -> Account:
    """Change an account's name or zone. Raises ValidationError."""
    if name is not None:
        account.name = cleaned_name(name)
    if timezone is not None:
        account.timezone = cleaned_zone(timezone)
    account.save(update_fields=["name", "timezone"])
    return account


@transaction.atomic
def account_brand_set(*, account: Account, **brand: str) -> Account:
    """Set the white label (host, name, logo, accent; an empty host switches it off). ValidationError.

    A new host is a claim: the label shows there once the account has proved that the host is its own.
    """
    cleaned = cleaned_brand(brand)
    before, host = account.brand.get("host", ""), cleaned.get("host", "")
    if "host" in brand and host != before:
        if host:
            host_claim(account=account, host=host, purpose=Purpose.BRAND)
        if before:
            host_release(account=account, host=before, purpose=Purpose.BRAND)
    account.brand = {**{key: value for key, value in account.brand.items() if key not in brand}, **cleaned}
    account.save(update_fields=["brand"])
    return account


def account_quota_set(*, account: Account, monthly_events: int) -> None:
    """How many events the account may record in a month; 0 is any number. The next count acts on it."""
    account.monthly_events = monthly_events
    account.save(update_fields=["monthly_events"])


def account_usage_set(*, account: Account, used: int, now: datetime | None) -> None:
    """Write down how many events of the month are used; `now` None: it has no quota any more."""
    account.events_used, account.events_counted = used, now
    account.save(update_fields=["events_used", "events_counted"])


def account_key_rotate(*, account: Account) -> Account:
    """A new authkey; the old one stops working."""
    account.key_generation += 1
    account.save()
    return account


@transaction.atomic
def member_role_set(*, membership: Membership, role: str, by: Membership) -> Membership:
    """Give a member another role. Only owners make or unmake owners; the last owner stays."""
    if role not in Role.values:
        raise ValidationError({"role": f"Must be one of: {', '.join(Role.values)}."})
    if Role.OWNER in {membership.role, role} and by.role != Role.OWNER:
        raise ValidationError({"role": "Only an owner can make or change an owner."})
    if role != Role.OWNER:
        _keep_an_owner(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    return membership


@transaction.atomic
def member_remove(*, membership: Membership, by: Membership) -> None:
    """Take a person out of the account, with all their grants. The last owner stays."""
    if membership.role == Role.OWNER and by.role != Role.OWNER:
        raise ValidationError({"role": "Only an owner can remove an owner."})
    _keep_an_owner(membership)
    membership.delete()


@transaction.atomic
def member_grants_set(*, membership: Membership, grants: Iterable[tuple[str, int, str]]) -> None:
    """Replace what a guest was given of the registered kinds by (kind, id, right). Raises ValidationError."""
    wanted = cleaned_grants(membership.account, grants)
    Grant.objects.filter(membership=membership, kind__in=KINDS).delete()
    Grant.objects.bulk_create(
        Grant(membership=membership, kind=kind, object_id=object_id, right=right) for kind, object_id, right in wanted
    )


@transaction.atomic
def grant_set(*, membership: Membership, kind: str, object_id: int, right: str | None) -> None:
    """Give one right on one thing, or take it away (None). ValidationError for another account's thing."""
    if right is None:
        Grant.objects.filter(membership=membership, kind=kind, object_id=object_id).delete()
        return
    cleaned_grants(membership.account, [(kind, object_id, right)])
    Grant.objects.update_or_create(membership=membership, kind=kind, object_id=object_id, defaults={"right": right})


def cleaned_grants(account: Account, grants: Iterable[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    """The grants, each once, if every one names a thing of this account. Raises ValidationError."""
    things = {name: {object_id for object_id, _ in kind.things(account)} for name, kind in KINDS.items()}
    wanted: dict[tuple[str, int], str] = {}
    for kind, object_id, right in grants:
        if right not in Right.values or object_id not in things.get(kind, ()):
            raise ValidationError({"grants": f"There is no {kind} {object_id} that could be given to {right}."})
        wanted[kind, object_id] = right
    return [(kind, object_id, right) for (kind, object_id), right in wanted.items()]


def _keep_an_owner(membership: Membership) -> None:
    others = Membership.objects.filter(account=membership.account, role=Role.OWNER).exclude(pk=membership.pk)
    if membership.role == Role.OWNER and not others.exists():
        raise ValidationError({"role": "An account needs an owner; make somebody else owner first."})


def _checked(field: str, check: Any, *args: Any) -> None:
    """Run one of Django's validators and name the field in its error."""
    try:
        check(*args)
    except ValidationError as error:
        raise ValidationError({field: error.messages}) from error
