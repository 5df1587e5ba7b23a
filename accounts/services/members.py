"""Writes of members and their grants, and the keys of guests."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock

from accounts.account_limits import check_limit
from accounts.audit.recording import read_fields, record_action, record_change
from accounts.models import Account, Grant, Invitation, Membership, Right, Role
from accounts.permissions import GRANT_KINDS, membership_may
from accounts.revocation import (
    SHARED_KEYS,
    SharedKeys,
    describe_person,
    end_access_at_clients,
    end_dependent_access,
    exposed_keys_add,
    exposed_keys_clear,
    list_readable_at_clients,
    list_readable_keys,
    revoke_lost_access,
)
from accounts.services.accounts import account_lock
from accounts.services.sso_former_members import former_member_remember
from accounts.services.users import placeholder_user_delete
from accounts.sso.models import SsoConnection

MAX_GRANTS = 10_000
EMERGENCY_OWNER = (
    "This person is the emergency owner of single sign-on: an owner chooses another one first, under Settings → Single "
    "sign-on."
)
GrantRows = Iterable[tuple[str, int, str]]  # (kind, id, right)


def list_readable_guest_keys(membership: Membership) -> set[tuple[int, str]]:
    """List (guest id, name of the key) of all guests. The ClickMeter API shows their keys to who may edit links."""
    if not membership_may(membership, "edit"):
        return set()
    guests = Membership.objects.filter(account=membership.account, role=Role.GUEST).exclude(pk=membership.pk)
    return {(object_id, "authkey") for object_id in guests.values_list("pk", flat=True)}


def load_guest_names(account: Account, ids: Collection[int]) -> dict[int, str]:
    """Load the names of guests by membership id."""
    guests = account.memberships.filter(role=Role.GUEST, pk__in=list(ids)).select_related("user")
    return {guest.pk: guest.display_name for guest in guests}


def guest_key_replace(account: Account, object_id: int) -> None:
    """Replace the key of a guest of the account; does nothing if the guest is gone."""
    guest = account.memberships.filter(role=Role.GUEST, pk=object_id).first()
    if guest is not None:
        member_key_rotate(membership=guest)


GUEST_KEYS = SharedKeys(
    kind="guest",
    label="Guest key",
    find_readable=list_readable_guest_keys,
    load_labels=load_guest_names,
    replace=guest_key_replace,
)


@transaction.atomic
def member_access_set(
    *, membership: Membership, by: Membership, role: str | None = None, grants: GrantRows | None = None
) -> Membership:
    """Change role and grants (None: unchanged) at once, so that nothing ends which both changes still permit."""
    before, grants_before = read_fields(membership), list_grants(membership)
    with revoke_lost_access(membership, clock.now()):
        if role is not None:
            _set_role(membership, role, by)
        if grants is not None:
            _replace_grants(membership, grants)
        changes = {"grants": (grants_before, list_grants(membership))}
        record_change("member.changed", membership, before, also=changes, label=describe_person(membership))
    return membership


def list_grants(membership: Membership) -> list[str]:
    """List the grants of a member as texts, for the audit log."""
    rows = membership.grants.order_by("kind", "object_id").values_list("kind", "object_id", "right")
    return [f"{kind} {object_id}: {right}" for kind, object_id, right in rows]


@transaction.atomic
def grant_set(*, membership: Membership, kind: str, object_id: int, right: str | None) -> None:
    """Grant a right on one object, or withdraw it (None). Raises ValidationError for an object of another account."""
    grants = Grant.objects.filter(membership=membership, kind=kind, object_id=object_id).values_list("right", flat=True)
    before = [f"{kind} {object_id}: {granted}" for granted in grants]
    if kind not in SHARED_KEYS:  # no keys of this kind, so access to them need not be compared
        _set_grant(membership, kind, object_id, right)
    else:
        with revoke_lost_access(membership, clock.now()):
            _set_grant(membership, kind, object_id, right)
    after = [f"{kind} {object_id}: {right}"] if right is not None else []
    if before != after:
        record_action(
            "member.changed", membership, changes={"grants": (before, after)}, label=describe_person(membership)
        )


@transaction.atomic
def member_key_rotate(*, membership: Membership) -> None:
    """Replace the member's own key; the old one stops working."""
    membership.key_generation += 1
    membership.save(update_fields=Membership.AUTHKEY_FIELDS)
    exposed_keys_clear(kind=GUEST_KEYS.kind, object_id=membership.pk)
    record_action("own_key.replaced", membership, label=describe_person(membership))


def check_seat_limit(account: Account, email: str = "", *, field: str = "email") -> None:
    """Raise ValidationError for `field` if the account may have no further member. People who are invited count, but
    for the one of the address.

    Must run in the transaction that creates the member or the invitation.
    """
    account_lock(account)
    invited = account.invitations.open().filter(expires__gt=clock.now()).exclude(role=Role.GUEST).exclude(email=email)
    used = account.memberships.exclude(role=Role.GUEST).count() + invited.count()
    check_limit(account, "seats", used=used, field=field, what="members")


def member_role_store(*, membership: Membership, role: str, fields: Collection[str] = ()) -> None:
    """Store a role, and the other fields that the caller has changed.

    A guest who becomes a member gets a new key: the team could read the guest's, and a member's is private.
    """
    has_new_key = membership.role == Role.GUEST != role
    membership.role = role
    if has_new_key:
        membership.key_generation += 1
        exposed_keys_clear(kind=GUEST_KEYS.kind, object_id=membership.pk)
    membership.save(update_fields=["role", *fields, *(Membership.AUTHKEY_FIELDS if has_new_key else ())])


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
    end_dependent_access(membership, is_leaving=True, now=now)
    end_access_at_clients(list_readable_at_clients(membership), [], now)
    Invitation.objects.open().filter(membership=membership).update(revoked=now)
    exposed_keys_clear(kind=GUEST_KEYS.kind, object_id=membership.pk)
    record_action(
        "member.removed", membership, changes={"role": (membership.role, None)}, label=describe_person(membership)
    )
    former_member_remember(membership=membership, by=by, now=now)
    membership.delete()
    placeholder_user_delete(user=user)


@transaction.atomic
def _set_role(membership: Membership, role: str, by: Membership) -> None:
    if role not in Role.values:
        raise ValidationError({"role": f"Must be one of: {', '.join(Role.values)}."})
    if membership.accepted is None and role != membership.role:
        raise ValidationError(
            {"role": "This person has not accepted yet. Revoke the invitation, then invite them again."}
        )
    if Role.OWNER in {membership.role, role} and by.role != Role.OWNER:
        raise ValidationError({"role": "Only an owner can make or change an owner."})
    if role != Role.OWNER:
        _require_another_owner(membership)
    if membership.role == Role.GUEST != role:
        check_seat_limit(membership.account, field="role")
    member_role_store(membership=membership, role=role)


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
    ids_by_kind: dict[str, set[int]] = {}
    for kind, object_id in objects:
        if kind in GRANT_KINDS and 0 < object_id < 2**63:
            ids_by_kind.setdefault(kind, set()).add(object_id)
    return {
        (kind, object_id)
        for kind, ids in ids_by_kind.items()
        for object_id, _ in GRANT_KINDS[kind].existing(account, ids)
    }


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


def is_emergency_owner(membership: Membership) -> bool:
    """Whether the member is the owner who can log in when the provider fails, in an account with “SSO only”."""
    connections = SsoConnection.objects.filter(account=membership.account_id, enforced=True)
    return membership.role == Role.OWNER and connections.filter(way_back=membership.user_id).exists()


def _require_another_owner(membership: Membership) -> None:
    """Raise ValidationError for the only owner, and for the emergency owner."""
    account_lock(membership.account)
    if is_emergency_owner(membership):
        raise ValidationError({"role": EMERGENCY_OWNER})
    owners = Membership.objects.accepted().filter(account=membership.account, role=Role.OWNER)
    if membership.role == Role.OWNER and not owners.exclude(pk=membership.pk).exists():
        raise ValidationError({"role": "An account needs an owner; make somebody else owner first."})
