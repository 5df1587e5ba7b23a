"""Writes of claims. Every write that may change what a host serves is announced to the apps that serve it.

Lock order: a claim's owner row first, the change number of `sites` (taken by whoever listens) after it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock

from accounts.custom_domains.models import EXCLUSIVE, HostClaim, HostOwner, Proof, Purpose
from accounts.custom_domains.reserved import is_installation_host, is_reserved_host
from accounts.host_names import host_name, is_public_host
from accounts.models import Account

EXAMPLES = {Purpose.LINKS: "go.example.com", Purpose.BRAND: "stats.example.org", Purpose.SITE: "example.org"}
OTHER_USE = {
    Purpose.LINKS: "This host is your white label's; links need another one.",
    Purpose.BRAND: "Your links use this host; the white label needs another one.",
}
MIN_PAUSE, MAX_PAUSE = timedelta(minutes=1), timedelta(days=7)  # a quarter of a pending claim's age, within these
RECHECK_PROVED, RECHECK_FAILING = timedelta(days=1), timedelta(hours=6)
RETRY_UNAVAILABLE = timedelta(minutes=10)
KEEP_FAILING = timedelta(days=3)  # a proved claim whose record is missing keeps its proof so long
LISTENERS: list[Callable[[HostClaim], object]] = []


def register_claim_listener(listener: Callable[[HostClaim], object]) -> None:
    """Call `listener` inside the transaction of every change of what a claim allows; from `config.registrations`."""
    LISTENERS.append(listener)


def reserved_sentence(host: str) -> str:
    """Why nobody can claim a reserved host."""
    return f"{host[:60]} belongs to this installation itself."


@transaction.atomic
def host_claim(*, account: Account, host: str, purpose: str, field: str = "host") -> HostClaim:
    """Claim a host for a purpose; the claim the account has already, if it has one. Pending until it is proved.

    Raises ValidationError (naming `field`) for what is no public host name, for a reserved host, and for a host that
    the account uses for what excludes this purpose.
    """
    name = host_name(host)
    if not is_public_host(name):
        raise ValidationError({field: f"“{host[:60]}” is not a host name such as {EXAMPLES[Purpose(purpose)]}."})
    if is_reserved_host(name):
        raise ValidationError({field: reserved_sentence(name)})
    _refuse_other_use(account, name, purpose, field)
    claim, _ = HostClaim.objects.get_or_create(
        account=account, host=name, purpose=purpose, defaults={"next_check": clock.now()}
    )
    return claim


def _refuse_other_use(account: Account, name: str, purpose: str, field: str) -> None:
    if purpose in EXCLUSIVE:
        others = [other for other in EXCLUSIVE if other != purpose]
        if HostClaim.objects.filter(account=account, host=name, purpose__in=others).exists():
            raise ValidationError({field: OTHER_USE[Purpose(purpose)]})


@transaction.atomic
def host_release(*, account: Account, host: str, purpose: str) -> None:
    """Give a host up: the claim is deleted and the name is free. Nothing happens without a claim."""
    name = host_name(host)
    owner = _lock_owner(name, account.pk)
    claim = HostClaim.objects.filter(account=account, host=name, purpose=purpose).first()
    if claim is not None:
        claim.delete()
    _forget_owner_without_claims(owner)
    if claim is not None and claim.proved:
        _announce(claim)


@transaction.atomic
def claim_approve(*, claim: HostClaim, now: datetime | None = None) -> None:
    """Prove a claim by the operator's word.

    Raises ValidationError where another account has proved the host, and for links or a white label on a host that
    serves the installation.
    """
    if claim.purpose in EXCLUSIVE and is_installation_host(claim.host):
        raise ValidationError({"host": reserved_sentence(claim.host)})
    owner = _lock_owner(claim.host, claim.account_id)
    if owner.account_id != claim.account_id:
        hint = f"Take it away first: manage.py custom_domain revoke {claim.host} --account {owner.account_id}"
        raise ValidationError({"host": f"Account {owner.account_id} has proved {claim.host}. {hint}"})
    _prove(claim, Proof.OPERATOR, now or clock.now())


@transaction.atomic
def host_provision(*, account: Account, host: str, purpose: str) -> bool:
    """Prove a host for an account by the operator's word, claimed or not; whether it is the account's now.

    It is never taken from another account. Any host name will do for a website, also `localhost` or an address.
    """
    name = host_name(host)
    owner = _lock_owner(name, account.pk)
    if owner.account_id != account.pk:
        return False
    _refuse_other_use(account, name, purpose, "host")
    claim, _ = HostClaim.objects.get_or_create(account=account, host=name, purpose=purpose)
    if claim.proof != Proof.OPERATOR:
        claim_approve(claim=claim)
    return True


@transaction.atomic
def claim_revoke(*, claim: HostClaim, reason: str, now: datetime | None = None) -> None:
    """Take the proof away: the claim is pending again and `reason` is what its owner reads."""
    owner = _lock_owner(claim.host, claim.account_id)
    _disprove(claim, reason, now or clock.now())
    _forget_owner_without_claims(owner)


@transaction.atomic
def claim_check_record(*, claim: HostClaim, named: frozenset[int], now: datetime) -> HostClaim | None:
    """Write down what the host's record said: `named` are the accounts that it names. None for a claim given up since.

    A pending claim that is named is proved. A host another account proved by DNS moves here when the record no longer
    names that account; what an operator gave to another account stays there. A proved claim that is no longer named
    keeps its proof for KEEP_FAILING.
    """
    owner = _lock_owner(claim.host, claim.account_id)
    row = HostClaim.objects.select_for_update().filter(pk=claim.pk).first()
    if row is not None and row.proof != Proof.OPERATOR:
        row.checked = now
        if row.account_id not in named:
            _note_missing_record(row, now)
        elif owner.account_id == row.account_id or _take_over(owner, row, named, now):
            _prove(row, Proof.DNS, now)
        row.next_check = _next_check(row, now)
        row.save()
    _forget_owner_without_claims(owner)
    return row


def claim_note_unavailable(*, claim: HostClaim, sentence: str, now: datetime) -> None:
    """Write down that DNS gave no answer, which says nothing about the claim: it keeps its state."""
    pause = max(RETRY_UNAVAILABLE, _next_check(claim, now) - now)
    pending = HostClaim.objects.filter(pk=claim.pk).exclude(proof=Proof.OPERATOR)
    pending.update(checked=now, check_result=sentence, next_check=now + min(pause, RECHECK_FAILING))


def _note_missing_record(row: HostClaim, now: datetime) -> None:
    if row.proved is None:
        row.check_result = "No TXT record names this account yet."
        return
    row.failing_since = row.failing_since or now
    if now - row.failing_since >= KEEP_FAILING:
        _disprove(row, "The record was missing for days, so the proof is lost.", now)
    else:
        row.check_result = f"The record is missing. The proof is lost on {row.failing_since + KEEP_FAILING:%-d %B}."


def _next_check(row: HostClaim, now: datetime) -> datetime:
    if row.proved is not None:
        return now + (RECHECK_FAILING if row.failing_since else RECHECK_PROVED)
    return now + min(MAX_PAUSE, max(MIN_PAUSE, (now - row.created) / 4))


def _take_over(owner: HostOwner, claim: HostClaim, named: frozenset[int], now: datetime) -> bool:
    """Move the locked host to the account of `claim`, unless the present owner still has a right to it."""
    theirs = HostClaim.objects.filter(host=claim.host, account_id=owner.account_id, proved__isnull=False)
    if theirs.filter(proof=Proof.OPERATOR).exists():
        claim.check_result = "The operator gave this host to another account. Ask the operator of this installation."
        return False
    if owner.account_id in named:
        claim.check_result = "The record also names the account that has this host now. Remove that account from it."
        return False
    for other in theirs:
        _disprove(other, "The record names another account now.", now)
    owner.account_id = claim.account_id
    owner.save(update_fields=["account"])
    return True


def _prove(claim: HostClaim, proof: Proof, now: datetime) -> None:
    news = claim.proof != proof
    claim.proved, claim.proof, claim.failing_since = claim.proved or now, proof, None
    claim.check_result = "The record names this account." if proof == Proof.DNS else "Approved by the operator."
    claim.next_check = None
    claim.save()
    if news:
        _announce(claim)


def _disprove(claim: HostClaim, reason: str, now: datetime) -> None:
    claim.proved, claim.proof, claim.failing_since = None, "", None
    claim.check_result, claim.next_check = reason, now + MIN_PAUSE
    claim.save()
    _announce(claim)


def _lock_owner(host: str, account_id: int) -> HostOwner:
    """The row of the host's owner, locked until the transaction ends; made for this account where there was none."""
    owner, _ = HostOwner.objects.select_for_update().get_or_create(host=host, defaults={"account_id": account_id})
    return owner


def _forget_owner_without_claims(owner: HostOwner) -> None:
    if not HostClaim.objects.filter(host=owner.host, account_id=owner.account_id, proved__isnull=False).exists():
        owner.delete()


def _announce(claim: HostClaim) -> None:
    for listener in LISTENERS:
        listener(claim)
