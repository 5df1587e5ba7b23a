"""What ends, and which keys somebody may still know, when a person's access to an account shrinks or ends.

Higher apps register two sorts of things: *work* of members that ends with their right to do it (API keys, shared
links), and *shared keys*, which a person may have written down: only replacing them takes that knowledge away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import Account, ExposedKey, Membership, Role


@dataclass(frozen=True)
class MemberWork:
    """Things that members make in an account and that must not outlive their right to make them.

    `ending(membership, leaves)` gives the open ones that end now: all of the person's when they leave the account, else
    those they could not make any more. `end(thing, now)` ends one. `label` is a plural, such as "API keys".
    """

    label: str
    ending: Callable[[Membership, bool], Sequence[Any]]
    end: Callable[[Any, datetime], None]


@dataclass(frozen=True)
class SharedKeys:
    """Keys that everybody with enough access to a thing can read, and that belong to nobody alone.

    `readable(membership)` gives (object id, name of the key) of all that the membership can read now; `labels(account,
    ids)` what the things are called; `replace(account, object_id)` makes new keys of one thing.
    """

    kind: str
    label: str
    readable: Callable[[Membership], set[tuple[int, str]]]
    labels: Callable[[Account, Collection[int]], dict[int, str]]
    replace: Callable[[Account, int], None]
    owners_only: bool = False


KnownKeys = set[tuple[str, int, str]]  # (kind, object id, name of the key)
MEMBER_WORK: list[MemberWork] = []
SHARED_KEYS: dict[str, SharedKeys] = {}


def register_member_work(work: MemberWork) -> None:
    """End this sort of work with its maker's access; called from `config.registrations`."""
    MEMBER_WORK.append(work)


def register_shared_keys(keys: SharedKeys) -> None:
    """List keys of this kind when somebody who could read them leaves; called from `config.registrations`."""
    SHARED_KEYS[keys.kind] = keys


def readable_keys(membership: Membership) -> KnownKeys:
    """All shared keys that the membership can read now."""
    return {(keys.kind, number, name) for keys in SHARED_KEYS.values() for number, name in keys.readable(membership)}


def work_ending(membership: Membership, leaves: bool = True) -> list[tuple[str, list[str]]]:
    """(label, names) of the person's work that ends when they leave the account; only sorts they have any of."""
    found = ((work.label, [str(thing) for thing in work.ending(membership, leaves)]) for work in MEMBER_WORK)
    return [(label, names) for label, names in found if names]


def end_work(membership: Membership, *, leaves: bool, now: datetime) -> None:
    """End what the person made and may not make any more."""
    for work in MEMBER_WORK:
        for thing in work.ending(membership, leaves):
            work.end(thing, now)


def person_of(membership: Membership) -> str:
    """How a list of keys names the person for good: "Zoe (zoe@example.org)"."""
    name, email = membership.shown_name, membership.user.email
    return email if name == email else f"{name[:120]} ({email})"


def exposed_keys_add(*, membership: Membership, keys: KnownKeys, now: datetime) -> None:
    """Write down that this person may know these keys, which they can read no more."""
    person = person_of(membership)
    ExposedKey.objects.bulk_create(
        [
            ExposedKey(account=membership.account, kind=kind, object_id=number, person=person, since=now)
            for kind, number in sorted({(kind, number) for kind, number, _ in keys})
        ],
        ignore_conflicts=True,
    )


@contextmanager
def access_change(membership: Membership, now: datetime) -> Iterator[None]:
    """Surround a change of a member's role or grants: ends the work, and lists the keys, that are theirs no more."""
    before = readable_keys(membership)
    with transaction.atomic():
        yield
        end_work(membership, leaves=False, now=now)
        exposed_keys_add(membership=membership, keys=before - readable_keys(membership), now=now)


def exposed_keys_forget(*, kind: str, object_id: int) -> None:
    """The keys of a thing were replaced: what anybody knew opens nothing now."""
    ExposedKey.objects.filter(kind=kind, object_id=object_id).delete()


def exposed_key_keep(*, exposed: ExposedKey) -> None:
    """Leave the key as it is, although that person may know it."""
    exposed.delete()


def exposed_key_replace(*, exposed: ExposedKey, by: Membership) -> None:
    """Replace the key. Raises ValidationError for an account's key unless an owner does it."""
    keys = SHARED_KEYS[exposed.kind]
    if keys.owners_only and by.role != Role.OWNER:
        raise ValidationError({"role": "Only an owner can replace the account's key."})
    keys.replace(exposed.account, exposed.object_id)


def exposed_key_labels(account: Account, rows: Sequence[ExposedKey]) -> list[str]:
    """What each key belongs to: "Site keys of example.com"; of something that is gone only the number."""
    numbers: dict[str, set[int]] = {}
    for row in rows:
        numbers.setdefault(row.kind, set()).add(row.object_id)
    names = {kind: SHARED_KEYS[kind].labels(account, ids) for kind, ids in numbers.items() if kind in SHARED_KEYS}
    return [
        f"{SHARED_KEYS[row.kind].label} of {names[row.kind].get(row.object_id, row.object_id)}"
        if row.kind in SHARED_KEYS
        else f"{row.kind} {row.object_id}"
        for row in rows
    ]
