"""Writes of accounts: their fields, limits, quota and key."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock

from accounts.account_limits import validate_change
from accounts.audit.recording import read_fields, record_action, record_change
from accounts.models import Account, Membership, Role, User
from accounts.permissions import has_second_factor
from accounts.revocation import SharedKeys, exposed_keys_clear
from accounts.validators import clean_name, clean_timezone


@transaction.atomic
def account_create(*, name: str, owner: User | None = None, timezone: str = "UTC") -> Account:
    """Create an account, owned by `owner` if there is one. Raises ValidationError."""
    account = Account.objects.create(name=clean_name(name), timezone=clean_timezone(timezone))
    if owner is not None:
        Membership.objects.create(user=owner, account=account, role=Role.OWNER)
    record_action("account.created", account)
    return account


@transaction.atomic
def account_update(
    *, account: Account, name: str | None = None, timezone: str | None = None, profile: Mapping[str, str] | None = None
) -> Account:
    """Change an account's name, time zone or named values of its profile. Raises ValidationError."""
    before = read_fields(account)
    changes: dict[str, object] = {}
    if name is not None:
        changes["name"] = clean_name(name)
    if timezone is not None:
        changes["timezone"] = clean_timezone(timezone)
    if profile is not None:
        changes["profile"] = {**account.profile, **profile}
    for field, value in changes.items():
        setattr(account, field, value)
    account.save(update_fields=changes)
    record_change("account.changed", account, before)
    return account


@transaction.atomic
def account_second_factor_set(*, account: Account, required: bool, by: User) -> None:
    """Require a second factor of the account's members, or no longer. Raises ValidationError if `by` has none."""
    if required and not has_second_factor(by):
        raise ValidationError("Set up a second factor of your own first, or you would lock yourself out.")
    before = read_fields(account)
    account.second_factor_required = required
    account.save(update_fields=["second_factor_required"])
    record_change("account.changed", account, before)


@transaction.atomic
def account_quota_set(*, account: Account, monthly_events: int) -> None:
    """Set how many events the account may record in a month; 0: as many as its plan or the installation says, which may
    be any number. It takes effect at the next count."""
    before = read_fields(account)
    account.monthly_events = monthly_events
    account.save(update_fields=["monthly_events"])
    record_change("account.changed", account, before)


@transaction.atomic
def account_key_rotate(*, account: Account) -> None:
    """Replace the authkey; the old one stops working. Open invitations that were sent with it are revoked."""
    account.key_generation += 1
    account.save(update_fields=Account.AUTHKEY_FIELDS)
    account.invitations.open().filter(invited_by=None).update(revoked=clock.now())
    exposed_keys_clear(kind="account", object_id=account.pk)
    record_action("account_key.replaced", account)


# Only owners can read the account's key, so it is exposed when one of them leaves
ACCOUNT_KEY = SharedKeys(
    kind="account",
    label="Authkey",
    find_readable=lambda membership: {(membership.account_id, "authkey")} if membership.role == Role.OWNER else set(),
    load_labels=lambda account, ids: {account.pk: account.name},
    replace=lambda account, object_id: account_key_rotate(account=account),
    owners_only=True,
)


@transaction.atomic
def account_limits_set(*, account: Account, changes: Mapping[str, int | str | None]) -> None:
    """Change the account's own limits; None restores that of its plan, or the default. Raises ValidationError without
    a change."""
    row = Account.objects.select_for_update().get(pk=account.pk)
    before = read_fields(row)
    for name, value in changes.items():
        validate_change(name, value)
        row.limits = {key: old_value for key, old_value in row.limits.items() if key != name}
        if value is not None:
            row.limits[name] = value
    row.save(update_fields=["limits"])
    account.limits = row.limits
    record_change("account.changed", account, before)


def account_lock(account: Account) -> None:
    """Lock the account, so that its members are not counted or changed elsewhere until the transaction ends."""
    Account.objects.select_for_update(no_key=True).values_list("pk").get(pk=account.pk)
