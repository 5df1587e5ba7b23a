"""Revocation: what ends when a member loses access to an account, or to a part of it.

Higher apps register two sorts of objects. *Dependent access*, such as API keys and shared links that a member created,
ends with the member's right to create it. *Shared keys*, such as a site's, may be known to the person and stay valid
until somebody replaces them, so they are listed as exposed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.audit.recording import record_action
from accounts.clients.rules import list_memberships_at_clients
from accounts.models import Account, ExposedKey, Membership, Role
from accounts.notices.kinds import KEY_EXPOSED, NoticeValues
from accounts.notices.services import notify


@dataclass(frozen=True)
class DependentAccess:
    """Access that depends on a membership and must end with it, such as API keys that the member created.

    `find_ending(membership, is_leaving)` returns the objects to end: all of the member's if they leave the account, or
    else those that their present role and grants no longer permit. `end(object, now)` ends one. `label` is a plural:
    "API keys".
    """

    label: str
    find_ending: Callable[[Membership, bool], Sequence[Any]]
    end: Callable[[Any, datetime], None]


@dataclass(frozen=True, kw_only=True)
class SharedKeys:
    """Keys that everybody with enough access to an object can read.

    `find_readable(membership)` returns (object id, name of the key) for all keys that the membership can read now;
    `load_labels(account, ids)` returns the names of objects; `replace(account, object_id)` replaces the keys of one.
    """

    kind: str
    label: str
    find_readable: Callable[[Membership], set[tuple[int, str]]]
    load_labels: Callable[[Account, Collection[int]], dict[int, str]]
    replace: Callable[[Account, int], None]
    owners_only: bool = False


ReadableKeys = set[tuple[str, int, str]]  # (kind, object id, name of the key)
DEPENDENT_ACCESS: list[DependentAccess] = []
SHARED_KEYS: dict[str, SharedKeys] = {}


def register_dependent_access(access: DependentAccess) -> None:
    """Register access that ends with a membership; called from `config.wiring`."""
    DEPENDENT_ACCESS.append(access)


def register_shared_keys(keys: SharedKeys) -> None:
    """Register keys that are listed as exposed when a reader loses access; called from `config.wiring`."""
    SHARED_KEYS[keys.kind] = keys


def list_readable_keys(membership: Membership) -> ReadableKeys:
    """List all shared keys that the membership can read now."""
    return {
        (keys.kind, object_id, name)
        for keys in SHARED_KEYS.values()
        for object_id, name in keys.find_readable(membership)
    }


def list_ending_access(membership: Membership, is_leaving: bool = True) -> list[tuple[str, list[str]]]:
    """List what ends when the person leaves the account: (label, names) of every sort that they have any of."""
    ending = ((access.label, access.find_ending(membership, is_leaving)) for access in DEPENDENT_ACCESS)
    return [(label, [str(item) for item in items]) for label, items in ending if items]


def end_dependent_access(membership: Membership, *, is_leaving: bool, now: datetime) -> None:
    """End the dependent access that the membership no longer permits."""
    for access in DEPENDENT_ACCESS:
        for item in access.find_ending(membership, is_leaving):
            access.end(item, now)


def describe_person(membership: Membership) -> str:
    """Describe the person in a text that outlives the user: "Zoe (zoe@example.org)"."""
    name, email = membership.display_name, membership.user.email
    return email if name == email else f"{name[:120]} ({email})"


def exposed_keys_add(
    *, membership: Membership, keys: ReadableKeys, now: datetime, account: Account | None = None
) -> None:
    """Record that the person may know these keys although they can no longer read them; in their account, unless the
    keys belong to another one now."""
    person, objects = describe_person(membership), sorted({(kind, object_id) for kind, object_id, _ in keys})
    account = account or membership.account
    ExposedKey.objects.bulk_create(
        [
            ExposedKey(account=account, kind=kind, object_id=object_id, person=person, since=now)
            for kind, object_id in objects
        ],
        ignore_conflicts=True,
    )
    if objects:
        values: NoticeValues = {"person": person, "count": len(objects)}
        notify(KEY_EXPOSED, values, account=account, by=membership.user)


@contextmanager
def revoke_lost_access(membership: Membership, now: datetime) -> Iterator[None]:
    """Run a change of a member's role or grants, then end the dependent access and list the keys that they lost, in
    the account and at its clients."""
    before = list_readable_keys(membership)
    at_clients = list_readable_at_clients(membership)
    with transaction.atomic():
        yield
        end_dependent_access(membership, is_leaving=False, now=now)
        exposed_keys_add(membership=membership, keys=before - list_readable_keys(membership), now=now)
        end_access_at_clients(at_clients, list_memberships_at_clients(membership), now)


def list_readable_at_clients(membership: Membership) -> list[tuple[Membership, ReadableKeys]]:
    """List what a member of an agency is at its clients, each with the shared keys that they can read there."""
    return [(row, list_readable_keys(row)) for row in list_memberships_at_clients(membership)]


def end_access_at_clients(
    before: Sequence[tuple[Membership, ReadableKeys]], after: Sequence[Membership], now: datetime
) -> None:
    """End the dependent access of a member of an agency at its clients, and list the keys that they lost there.

    `after`: what they still are. Their own membership at a client, if they have one, permits what it does.
    """
    remaining = {row.account_id: row for row in after}
    for row, keys in before:
        present = (
            remaining.get(row.account_id)
            or Membership.objects.accepted()
            .filter(account=row.account_id, user=row.user_id)
            .select_related("user", "account")
            .first()
        )
        end_dependent_access(present or row, is_leaving=present is None, now=now)
        lost = keys - list_readable_keys(present) if present else keys
        exposed_keys_add(membership=row, keys=lost, now=now)


def exposed_keys_move(*, kind: str, object_id: int, account: Account) -> None:
    """Move the entries for an object to the account that it belongs to now."""
    ExposedKey.objects.filter(kind=kind, object_id=object_id).update(account=account)


def exposed_keys_clear(*, kind: str, object_id: int) -> None:
    """Delete the entries for an object whose keys were replaced."""
    ExposedKey.objects.filter(kind=kind, object_id=object_id).delete()


@transaction.atomic
def exposed_key_dismiss(*, exposed: ExposedKey) -> None:
    """Delete the entry without replacing the key."""
    record_action("exposed_key.dismissed", exposed)
    exposed.delete()


def exposed_key_replace(*, exposed: ExposedKey, by: Membership) -> None:
    """Replace the key. Raises ValidationError if only owners may do that and `by` is none."""
    keys = SHARED_KEYS[exposed.kind]
    if keys.owners_only and by.role != Role.OWNER:
        raise ValidationError({"role": "Only an owner can replace the account's key."})
    keys.replace(exposed.account, exposed.object_id)


def format_exposed_keys(account: Account, rows: Sequence[ExposedKey]) -> list[str]:
    """Describe what each key belongs to: "Site keys of example.com"; by id if the object is gone."""
    ids_by_kind: dict[str, set[int]] = {}
    for row in rows:
        ids_by_kind.setdefault(row.kind, set()).add(row.object_id)
    names = {
        kind: SHARED_KEYS[kind].load_labels(account, ids) for kind, ids in ids_by_kind.items() if kind in SHARED_KEYS
    }
    return [
        f"{SHARED_KEYS[row.kind].label} of {names[row.kind].get(row.object_id, row.object_id)}"
        if row.kind in SHARED_KEYS
        else f"{row.kind} {row.object_id}"
        for row in rows
    ]
