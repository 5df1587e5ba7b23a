"""Writes of users, accounts, members and grants."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone as clock

from accounts.custom_domains.services import host_claim, host_release
from accounts.models import Account, Grant, Invitation, Membership, Purpose, Right, Role, User
from accounts.permissions import GRANT_KINDS, membership_may
from accounts.revocation import (
    SHARED_KEYS,
    SharedKeys,
    end_dependent_access,
    exposed_keys_add,
    exposed_keys_clear,
    list_readable_keys,
    revoke_lost_access,
)
from accounts.validators import clean_brand, clean_name, clean_timezone

MAX_GRANTS = 10_000
GrantRows = Iterable[tuple[str, int, str]]  # (kind, id, right)


def user_create(*, email: str, password: str, name: str = "", operator: bool = False) -> User:
    """Create a user who can log in, or turn a placeholder (`is_placeholder`) into one.

    The caller has made sure that the address is the person's. Raises ValidationError for an address that is used or
    invalid, and for a weak password.
    """
    address, full_name = email.strip().lower(), " ".join(name.split())[:120]
    _run_validator("email", validate_email, address)
    user = User.objects.filter(email=address).first() or User(email=address)
    if user.pk is not None and not is_placeholder(user):
        raise ValidationError({"email": "There is already a user with this address."})
    user.name, user.is_operator = full_name, operator
    _run_validator("password", validate_password, password, user)
    user.set_password(password)
    user.save()
    return user


def user_update(*, user: User, name: str) -> User:
    """Change a user's name."""
    user.name = " ".join(name.split())[:120]
    user.save(update_fields=["name"])
    return user


def user_password_set(*, user: User, password: str) -> None:
    """Set a new password; every other session of the user ends. Raises ValidationError for a weak one."""
    _run_validator("password", validate_password, password, user)
    user.set_password(password)
    user.save(update_fields=["password"])


def placeholder_user_get_or_create(*, email: str) -> User:
    """Return the user with this address; for a new address, a placeholder: a user without password.

    Raises ValidationError for an invalid address.
    """
    address = email.strip().lower()
    try:
        validate_email(address)
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


@transaction.atomic
def account_create(*, name: str, owner: User | None = None, timezone: str = "UTC") -> Account:
    """Create an account, owned by `owner` if there is one. Raises ValidationError."""
    account = Account.objects.create(name=clean_name(name), timezone=clean_timezone(timezone))
    if owner is not None:
        Membership.objects.create(user=owner, account=account, role=Role.OWNER)
    return account


def account_update(*, account: Account, name: str | None = None, timezone: str | None = None) -> Account:
    """Change an account's name or time zone. Raises ValidationError."""
    if name is not None:
        account.name = clean_name(name)
    if timezone is not None:
        account.timezone = clean_timezone(timezone)
    account.save(update_fields=["name", "timezone"])
    return account


@transaction.atomic
def account_brand_set(*, account: Account, **brand: str) -> Account:
    """Set the white label (host, name, logo, accent; an empty host switches it off). Raises ValidationError.

    A new host is claimed: the white label appears on it once the account has verified the host.
    """
    changes = clean_brand(brand)
    account_lock(account)
    old_host, host = account.brand.get("host", ""), changes.get("host", "")
    if "host" in brand and host != old_host:
        if host:
            host_claim(account=account, host=host, purpose=Purpose.BRAND)
        if old_host:
            host_release(account=account, host=old_host, purpose=Purpose.BRAND)
    account.brand = {**{key: value for key, value in account.brand.items() if key not in brand}, **changes}
    account.save(update_fields=["brand"])
    return account


def account_quota_set(*, account: Account, monthly_events: int) -> None:
    """Set how many events the account may record in a month; 0 = unlimited. It takes effect at the next count."""
    account.monthly_events = monthly_events
    account.save(update_fields=["monthly_events"])


def account_usage_set(*, account: Account, used: int, now: datetime | None) -> None:
    """Store how many events of the month are used; `now` is None if the account no longer has a quota."""
    account.events_used, account.events_counted = used, now
    account.save(update_fields=["events_used", "events_counted"])


@transaction.atomic
def account_key_rotate(*, account: Account) -> None:
    """Replace the authkey; the old one stops working. Open invitations that were sent with it are revoked."""
    account.key_generation += 1
    account.save()
    account.invitations.open().filter(invited_by=None).update(revoked=clock.now())
    exposed_keys_clear(kind="account", object_id=account.pk)


# Only owners can read the account's key, so it is exposed when one of them leaves
ACCOUNT_KEY = SharedKeys(
    "account",
    "Authkey",
    lambda membership: {(membership.account_id, "authkey")} if membership.role == Role.OWNER else set(),
    lambda account, ids: {account.pk: account.name},
    lambda account, object_id: account_key_rotate(account=account),
    owners_only=True,
)


def list_readable_guest_keys(membership: Membership) -> set[tuple[int, str]]:
    """List (guest id, name of the key) of all guests. The ClickMeter API shows their keys to who may edit links."""
    if not membership_may(membership, "edit"):
        return set()
    guests = Membership.objects.filter(account=membership.account, role=Role.GUEST).exclude(pk=membership.pk)
    return {(number, "authkey") for number in guests.values_list("pk", flat=True)}


def load_guest_names(account: Account, ids: Collection[int]) -> dict[int, str]:
    """Load the names of guests by membership id."""
    guests = account.memberships.filter(role=Role.GUEST, pk__in=list(ids)).select_related("user")
    return {guest.pk: guest.display_name for guest in guests}


def guest_key_replace(account: Account, object_id: int) -> None:
    """Replace the key of a guest of the account; does nothing if the guest is gone."""
    guest = account.memberships.filter(role=Role.GUEST, pk=object_id).first()
    if guest is not None:
        member_key_rotate(membership=guest)


GUEST_KEYS = SharedKeys("guest", "Guest key", list_readable_guest_keys, load_guest_names, guest_key_replace)


def member_access_set(
    *, membership: Membership, by: Membership, role: str | None = None, grants: GrantRows | None = None
) -> Membership:
    """Change role and grants (None: unchanged) at once, so that nothing ends which both changes still permit."""
    with revoke_lost_access(membership, clock.now()):
        if role is not None:
            _set_role(membership, role, by)
        if grants is not None:
            _replace_grants(membership, grants)
    return membership


def grant_set(*, membership: Membership, kind: str, object_id: int, right: str | None) -> None:
    """Grant a right on one object, or withdraw it (None). Raises ValidationError for an object of another account."""
    if kind not in SHARED_KEYS:  # no keys of this kind, so access to them need not be compared
        return _set_grant(membership, kind, object_id, right)
    with revoke_lost_access(membership, clock.now()):
        _set_grant(membership, kind, object_id, right)
    return None


@transaction.atomic
def member_key_rotate(*, membership: Membership) -> None:
    """Replace the member's own key; the old one stops working."""
    membership.key_generation += 1
    membership.save(update_fields=["key_generation", "authkey_hash"])
    exposed_keys_clear(kind=GUEST_KEYS.kind, object_id=membership.pk)


@transaction.atomic
def member_remove(*, membership: Membership, by: Membership) -> None:
    """Remove a person from the account, with their grants and dependent access.

    Shared keys that the person could read are listed as exposed on the team's page. Raises ValidationError for the last
    owner, and for owners unless `by` is one.
    """
    if membership.role == Role.OWNER and by.role != Role.OWNER:
        raise ValidationError({"role": "Only an owner can remove an owner."})
    _require_another_owner(membership)
    now, user = clock.now(), membership.user
    exposed_keys_add(membership=membership, keys=list_readable_keys(membership), now=now)
    end_dependent_access(membership, leaves=True, now=now)
    Invitation.objects.open().filter(membership=membership).update(revoked=now)
    exposed_keys_clear(kind=GUEST_KEYS.kind, object_id=membership.pk)
    membership.delete()
    placeholder_user_delete(user=user)


@transaction.atomic
def _set_role(membership: Membership, role: str, by: Membership) -> None:
    if role not in Role.values:
        raise ValidationError({"role": f"Must be one of: {', '.join(Role.values)}."})
    if membership.accepted is None and role != membership.role:
        raise ValidationError(
            {"role": "This person has not accepted yet. Take the invitation back, then invite them again."}
        )
    if Role.OWNER in {membership.role, role} and by.role != Role.OWNER:
        raise ValidationError({"role": "Only an owner can make or change an owner."})
    if role != Role.OWNER:
        _require_another_owner(membership)
    if membership.role == Role.GUEST != role:
        member_key_rotate(membership=membership)  # the team could read the guest's key; a member's key is private
    membership.role = role
    membership.save(update_fields=["role"])


@transaction.atomic
def _replace_grants(membership: Membership, grants: GrantRows) -> None:
    wanted = clean_grants(membership.account, grants)
    Grant.objects.filter(membership=membership, kind__in=GRANT_KINDS).delete()
    Grant.objects.bulk_create(
        Grant(membership=membership, kind=kind, object_id=object_id, right=right) for kind, object_id, right in wanted
    )


@transaction.atomic
def _set_grant(membership: Membership, kind: str, object_id: int, right: str | None) -> None:
    if right is None:
        Grant.objects.filter(membership=membership, kind=kind, object_id=object_id).delete()
        return
    clean_grants(membership.account, [(kind, object_id, right)])
    Grant.objects.update_or_create(membership=membership, kind=kind, object_id=object_id, defaults={"right": right})


def find_existing_objects(account: Account, objects: Collection[tuple[str, int]]) -> set[tuple[str, int]]:
    """Find which of the (kind, id) exist in the account. Queries for these ids only."""
    numbers: dict[str, set[int]] = {}
    for kind, object_id in objects:
        if kind in GRANT_KINDS and 0 < object_id < 2**63:
            numbers.setdefault(kind, set()).add(object_id)
    return {(kind, number) for kind, ids in numbers.items() for number, _ in GRANT_KINDS[kind].existing(account, ids)}


def clean_grants(account: Account, grants: GrantRows) -> list[tuple[str, int, str]]:
    """Remove duplicates from grants. Raises ValidationError unless each is for an object of this account."""
    wanted = {(kind, object_id): right for kind, object_id, right in grants}
    if len(wanted) > MAX_GRANTS:
        raise ValidationError({"grants": f"At most {MAX_GRANTS:,} rights can be granted at once."})
    existing = find_existing_objects(account, wanted)
    for (kind, object_id), right in wanted.items():
        if right not in Right.values:
            raise ValidationError({"grants": f"“{right}” is not a right; use one of {', '.join(Right.values)}."})
        if (kind, object_id) not in existing:
            raise ValidationError(
                {"grants": f"There is no {kind} {object_id} in this account; use the id of one that is."}
            )
    return [(kind, object_id, right) for (kind, object_id), right in wanted.items()]


def account_lock(account: Account) -> None:
    """Lock the account, so that its members are not counted or changed elsewhere until the transaction ends."""
    Account.objects.select_for_update(no_key=True).values_list("pk").get(pk=account.pk)


def _require_another_owner(membership: Membership) -> None:
    account_lock(membership.account)
    owners = Membership.objects.accepted().filter(account=membership.account, role=Role.OWNER)
    if membership.role == Role.OWNER and not owners.exclude(pk=membership.pk).exists():
        raise ValidationError({"role": "An account needs an owner; make somebody else owner first."})


def _run_validator(field: str, validator: Any, *args: Any) -> None:
    """Run one of Django's validators; its error is raised for `field`."""
    try:
        validator(*args)
    except ValidationError as error:
        raise ValidationError({field: error.messages}) from error
