"""The chain of an account's entries: every seal has a hash over its entry and the seal before.

So an entry that was changed does not fit its seal, and one that was removed leaves a gap. A periodic task seals new
entries within seconds. Both ends of the chain are signed, and its key is encrypted. Whoever also has SECRET_KEY could
write a new chain: to notice that, keep what `manage.py audit heads` prints in another place.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, Max, Min, OuterRef, QuerySet

from accounts.audit.models import INSTALLATION, AuditChain, AuditEntry, AuditSeal
from accounts.security.encrypted_fields import Unreadable

log = logging.getLogger(__name__)
BATCH = 1_000
SEARCHED_ENTRIES = 20_000  # the newest ones, which are always searched for entries without a seal
MAX_UNSEALED = timedelta(minutes=10)  # an older entry without a seal was added by somebody else
NO_SEAL = "it has no seal: it was added by somebody else, or the task that seals entries has not run since"
SEALED_FIELDS = tuple(field.attname for field in AuditEntry._meta.concrete_fields)


class ChainUnreadable(Exception):
    """The key of a chain cannot be decrypted: it was encrypted with another SECRET_KEY."""


def entries_seal(*, now: datetime) -> int:
    """Seal the entries that have no seal, in the order in which they were recorded; returns how many.

    Several processes may do so at once: each looks again while it holds the lock of a chain.
    """
    ids = select_unsealed(AuditEntry.objects.filter(pk__gt=find_search_start(now))).order_by("pk")
    return sum(seal_entries(batch) for batch in batched(list(ids.values_list("pk", flat=True))))


def batched(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield the ids in batches."""
    yield from (ids[place : place + BATCH] for place in range(0, len(ids), BATCH))


def find_search_start(now: datetime) -> int:
    """Find the entry after which entries without a seal are searched.

    Entries are sealed in the order of their numbers, so all behind the last sealed one are new. Some before it may be,
    too: of transactions that took long, and of chains whose key could not be decrypted for a while.
    """
    newest = AuditEntry.objects.aggregate(last=Max("pk"))["last"] or 0
    sealed = AuditSeal.objects.aggregate(last=Max("pk"))["last"] or 0
    settled = AuditEntry.objects.filter(at__lt=now - 2 * MAX_UNSEALED).order_by("-pk").values_list("pk", flat=True)
    return min(newest - SEARCHED_ENTRIES, sealed, settled.first() or 0)


def select_chain(chain_id: int) -> QuerySet[AuditEntry]:
    """Select the entries of an account, or of the installation."""
    rows = AuditEntry.objects
    return rows.filter(account=None) if chain_id == INSTALLATION else rows.filter(account_id=chain_id)


def select_unsealed(entries: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
    """Select the entries that have no seal."""
    return entries.exclude(Exists(AuditSeal.objects.filter(entry_id=OuterRef("pk"))))


def seal_entries(ids: Sequence[int]) -> int:
    """Seal those of these entries that have no seal, each in the chain of its account; returns how many were sealed.

    Entries of a chain that cannot be continued stay without seals, as the log says.
    """
    by_chain: dict[int, list[int]] = {}
    for entry_id, account_id in AuditEntry.objects.filter(pk__in=ids).values_list("pk", "account_id"):
        by_chain.setdefault(account_id or INSTALLATION, []).append(entry_id)
    return sum(try_to_seal(chain_id, by_chain[chain_id]) for chain_id in sorted(by_chain))


def try_to_seal(chain_id: int, ids: Sequence[int]) -> int:
    """Seal entries of one account; returns how many, none if its key cannot be decrypted or somebody wrote seals."""
    try:
        return seal_account_entries(chain_id, ids)
    except (ChainUnreadable, IntegrityError) as error:
        log.error("Entries of the audit log of account %s are not sealed: %s", chain_id, error)
        return 0


@transaction.atomic
def seal_account_entries(chain_id: int, ids: Sequence[int]) -> int:
    """Seal entries of one account, while its chain is locked: those that another process has not sealed before."""
    chain = lock_chain(chain_id)
    seals = []
    for entry in select_unsealed(select_chain(chain_id).filter(pk__in=ids)).order_by("pk"):
        number, previous = chain.last_number + 1, chain.last_digest
        digest = compute_digest(chain.key, number, previous, entry)
        seals.append(AuditSeal(entry_id=entry.pk, chain_id=chain.pk, number=number, previous=previous, digest=digest))
        chain.last_number, chain.last_digest = number, digest
    if seals:
        AuditSeal.objects.bulk_create(seals, batch_size=BATCH)
        save_ends(chain)
    return len(seals)


def lock_chain(chain_id: int) -> AuditChain:
    """Lock the chain until the transaction ends; a new one is created. Raises ChainUnreadable."""
    locked = AuditChain.objects.select_for_update()
    chain = locked.filter(pk=chain_id).first()
    if chain is None:
        AuditChain.objects.get_or_create(pk=chain_id, defaults={"key": secrets.token_hex(32)})
        chain = locked.get(pk=chain_id)
    check_readable(chain)
    return chain


def check_readable(chain: AuditChain) -> None:
    """Raise ChainUnreadable if the key of the chain cannot be decrypted."""
    if isinstance(chain.key, Unreadable):
        raise ChainUnreadable("The key of the audit log was encrypted with another SECRET_KEY.")


def save_ends(chain: AuditChain) -> None:
    """Sign and store where the chain begins and ends."""
    chain.signature = sign_ends(chain)
    names = ("first_number", "anchor", "last_number", "last_digest", "signature")
    AuditChain.objects.filter(pk=chain.pk).update(**{name: getattr(chain, name) for name in names})


def sign_ends(chain: AuditChain) -> str:
    """Sign where the chain begins and ends."""
    return sign(chain.key, [chain.first_number, chain.anchor, chain.last_number, chain.last_digest])


def compute_digest(key: str, number: int, previous: str, entry: AuditEntry) -> str:
    """Compute the hash of a seal."""
    values = {name: getattr(entry, name) for name in SEALED_FIELDS}
    values["at"] = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    return sign(key, [number, previous, values])


def sign(key: str, values: Sequence[object]) -> str:
    """Compute the HMAC of values, as JSON."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, kw_only=True)
class ChainProblem:
    """The first thing that is wrong with a chain. `entry_id` is None for what is wrong with one of its ends."""

    chain_id: int
    what: str
    number: int | None = None
    entry_id: int | None = None

    def __str__(self) -> str:
        place = f"account {self.chain_id}" if self.chain_id != INSTALLATION else "the installation"
        entry = f", entry {self.entry_id}" if self.entry_id is not None else ""
        number = f", number {self.number}" if self.number is not None else ""
        return f"{place}{number}{entry}: {self.what}"


def list_chain_ids() -> list[int]:
    """List the chains of all accounts that have entries or a chain."""
    accounts = AuditEntry.objects.order_by().values_list("account_id", flat=True).distinct()
    chains = AuditChain.objects.values_list("pk", flat=True)
    return sorted({*(account or INSTALLATION for account in accounts), *chains})


def find_problem(chain_id: int, now: datetime) -> ChainProblem | None:
    """Find the first entry of a chain that was changed, removed or added by somebody else; None if all is well."""
    chain = AuditChain.objects.filter(pk=chain_id).first()
    if chain is not None:
        check_readable(chain)
        if problem := check_seals(chain):
            return problem
    old = select_chain(chain_id).filter(at__lt=now - MAX_UNSEALED)
    unsealed = select_unsealed(old).order_by("pk").first()
    if unsealed is not None:
        return ChainProblem(chain_id=chain_id, entry_id=unsealed.pk, what=NO_SEAL)
    return None


@dataclass(frozen=True)
class UnsealedEntries:
    """How many entries wait for their seals, and the time of the oldest: what is removed of them leaves no gap."""

    count: int
    since: datetime | None


def find_unsealed(chain_ids: Sequence[int], now: datetime) -> UnsealedEntries:
    """Find the entries of these chains that are too new to be sealed."""
    recent = select_unsealed(AuditEntry.objects.filter(at__gte=now - MAX_UNSEALED))
    rows = recent.order_by().values_list("account_id").annotate(Count("pk"), Min("at"))
    waiting = [(count, since) for account_id, count, since in rows if (account_id or INSTALLATION) in chain_ids]
    return UnsealedEntries(sum(count for count, _ in waiting), min((since for _, since in waiting), default=None))


def check_seals(chain: AuditChain) -> ChainProblem | None:
    """Follow the chain from its beginning to its end."""
    if chain.signature != sign_ends(chain):
        return ChainProblem(chain_id=chain.pk, what="the ends of the chain were changed")
    number, previous = chain.first_number - 1, chain.anchor
    for seal, entry in iterate_seals(chain):
        number += 1
        if seal.number != number:
            return ChainProblem(chain_id=chain.pk, number=number, what="it is missing")
        if entry is None:
            return ChainProblem(chain_id=chain.pk, number=number, entry_id=seal.entry_id, what="it is missing")
        expected = compute_digest(chain.key, number, previous, entry)
        if (seal.previous, seal.digest) != (previous, expected):
            return ChainProblem(chain_id=chain.pk, number=number, entry_id=entry.pk, what="it was changed")
        previous = seal.digest
    if (number, previous) != (chain.last_number, chain.last_digest):
        return ChainProblem(chain_id=chain.pk, number=number + 1, what="it is missing")
    return None


def iterate_seals(chain: AuditChain) -> Iterator[tuple[AuditSeal, AuditEntry | None]]:
    """Yield the seals of a chain in order, with the entries they belong to."""
    last = 0
    while seals := list(AuditSeal.objects.filter(chain_id=chain.pk, number__gt=last).order_by("number")[:BATCH]):
        ids = [seal.entry_id for seal in seals]
        entries = select_chain(chain.pk).in_bulk(ids)
        yield from ((seal, entries.get(seal.entry_id)) for seal in seals)
        last = seals[-1].number


def find_head_problem(chain_id: int, number: int, digest: str) -> ChainProblem | None:
    """Compare an end of a chain that was kept elsewhere with what is stored now; None if it fits.

    An end that has expired since then says nothing.
    """
    chain = AuditChain.objects.filter(pk=chain_id).first()
    if chain is not None and number < chain.first_number - 1:
        return None
    seal = AuditSeal.objects.filter(chain_id=chain_id, number=number).first()
    stored = seal.digest if seal else chain.anchor if chain is not None and number == chain.first_number - 1 else None
    if stored == digest:
        return None
    return ChainProblem(chain_id=chain_id, number=number, what="it is not the entry that was here when it was printed")
