"""Writes of host claims. Writes that change what a host may serve notify the listeners of other apps.

Lock order: the host's owner row first, then the change number of `sites`, which a listener locks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock

from accounts.audit.recording import record_action
from accounts.host_names import is_installation_host, is_public_host, is_reserved_host, normalize_host
from accounts.models import EXCLUSIVE_PURPOSES, Account, HostClaim, HostOwner, Purpose, VerificationMethod

EXAMPLE_HOSTS = {Purpose.LINKS: "go.example.com", Purpose.BRAND: "stats.example.org", Purpose.SITE: "example.org"}
EXCLUSION_MESSAGES = {
    Purpose.LINKS: "This host is your white label's; links need another one.",
    Purpose.BRAND: "Your links use this host; the white label needs another one.",
}
# A pending claim is checked again after a quarter of its age, within these bounds
MIN_RECHECK_AFTER, MAX_RECHECK_AFTER = timedelta(minutes=1), timedelta(days=7)
RECHECK_VERIFIED_AFTER, RECHECK_FAILING_AFTER = timedelta(days=1), timedelta(hours=6)
RETRY_UNAVAILABLE_AFTER = timedelta(minutes=10)
GRACE_PERIOD = timedelta(days=3)  # a verified claim whose record is missing stays verified this long
CLAIM_LISTENERS: list[Callable[[HostClaim], object]] = []


def register_claim_listener(listener: Callable[[HostClaim], object]) -> None:
    """Call `listener` in the transaction of every change to what a claim allows; used by `config.wiring`."""
    CLAIM_LISTENERS.append(listener)


def format_reserved_message(host: str) -> str:
    """Format the error for a claim on a reserved host."""
    return f"{host[:60]} belongs to this installation itself."


@transaction.atomic
def host_claim(*, account: Account, host: str, purpose: str, field: str = "host") -> HostClaim:
    """Claim a host for a purpose, or return the account's existing claim. A new claim is pending until it is verified.

    Raises ValidationError (for `field`) if it is not a public host name, is reserved, or is used by the account for a
    purpose that excludes this one.
    """
    name = normalize_host(host)
    if not is_public_host(name):
        raise ValidationError({field: f"“{host[:60]}” is not a host name such as {EXAMPLE_HOSTS[Purpose(purpose)]}."})
    if is_reserved_host(name):
        raise ValidationError({field: format_reserved_message(name)})
    _check_exclusive_purpose(account, name, purpose, field)
    claim, created = HostClaim.objects.get_or_create(
        account=account, host=name, purpose=purpose, defaults={"next_check": clock.now()}
    )
    if created:
        record_action("host.claimed", claim)
    return claim


def _check_exclusive_purpose(account: Account, name: str, purpose: str, field: str) -> None:
    if purpose in EXCLUSIVE_PURPOSES:
        others = [other for other in EXCLUSIVE_PURPOSES if other != purpose]
        if HostClaim.objects.filter(account=account, host=name, purpose__in=others).exists():
            raise ValidationError({field: EXCLUSION_MESSAGES[Purpose(purpose)]})


@transaction.atomic
def host_release(*, account: Account, host: str, purpose: str) -> None:
    """Delete the claim, if there is one, so that others can use the host."""
    name = normalize_host(host)
    owner = _lock_owner(name, account.pk)
    claim = HostClaim.objects.filter(account=account, host=name, purpose=purpose).first()
    if claim is not None:
        record_action("host.released", claim)
        claim.delete()
    _delete_owner_without_claims(owner)
    if claim is not None and claim.verified:
        _notify_listeners(claim)


@transaction.atomic
def host_hand_over(*, account: Account, to: Account, host: str, purpose: str) -> bool:
    """Give the claim on a host to another account, with its verification; whoever calls it manages both accounts.

    A record that names the first account only stops counting after GRACE_PERIOD. A pending claim of the other account
    is replaced. Returns False, and changes nothing, if the account has no claim, the other one has verified the host,
    or the first one has further verified claims on it.
    """
    name = normalize_host(host)
    owner = _lock_owner(name, account.pk)
    claims = HostClaim.objects.filter(host=name)
    claim = claims.filter(account=account, purpose=purpose).first()
    others = claims.filter(account=account, verified__isnull=False).exclude(purpose=purpose)
    theirs = claims.filter(account=to, purpose=purpose).first()
    if claim is None or others.exists() or (theirs is not None and theirs.verified):
        _delete_owner_without_claims(owner)
        return False
    if theirs is not None:
        theirs.delete()
    record_action("host.released", claim)
    claim.account = to
    claim.save(update_fields=["account"])
    if owner.account_id == account.pk:
        owner.account = to
        owner.save(update_fields=["account"])
    record_action("host.claimed", claim)
    _notify_listeners(claim)
    _delete_owner_without_claims(owner)
    return True


@transaction.atomic
def claim_approve(*, claim: HostClaim, now: datetime | None = None) -> None:
    """Verify a claim by the operator's approval, without DNS.

    Raises ValidationError if another account has verified the host, and for links or a white label on a host of the
    installation itself.
    """
    if claim.purpose in EXCLUSIVE_PURPOSES and is_installation_host(claim.host):
        raise ValidationError({"host": format_reserved_message(claim.host)})
    owner = _lock_owner(claim.host, claim.account_id)
    if owner.account_id != claim.account_id:
        hint = f"Revoke it first: manage.py custom_domain revoke {claim.host} --account {owner.account_id}"
        raise ValidationError({"host": f"Account {owner.account_id} has verified {claim.host}. {hint}"})
    method_before = claim.verification_method
    _verify(claim, VerificationMethod.OPERATOR, now or clock.now())
    _store(claim, method_before)


@transaction.atomic
def host_provision(*, account: Account, host: str, purpose: str) -> bool:
    """Verify a host by the operator's approval, creating the claim if needed. Returns False if another account has it.

    For a website any host name will do, also `localhost` or an IP address.
    """
    name = normalize_host(host)
    owner = _lock_owner(name, account.pk)
    if owner.account_id != account.pk:
        return False
    _check_exclusive_purpose(account, name, purpose, "host")
    claim, _ = HostClaim.objects.get_or_create(account=account, host=name, purpose=purpose)
    if claim.verification_method != VerificationMethod.OPERATOR:
        claim_approve(claim=claim)
    return True


@transaction.atomic
def claim_revoke(*, claim: HostClaim, reason: str, now: datetime | None = None) -> None:
    """Withdraw the verification: the claim is pending again, and `reason` is shown to the account."""
    owner = _lock_owner(claim.host, claim.account_id)
    method_before = claim.verification_method
    _withdraw_verification(claim, reason, now or clock.now())
    _store(claim, method_before)
    _delete_owner_without_claims(owner)


@transaction.atomic
def claim_record_lookup(*, claim: HostClaim, named: frozenset[int], now: datetime) -> HostClaim | None:
    """Store the result of a lookup: `named` are the accounts that the host's record names.

    A pending claim of a named account is verified. A host that another account had verified by DNS is transferred if
    the record no longer names that account, but not if an operator approved it. A verified claim whose account is no
    longer named stays verified for GRACE_PERIOD. Returns None if the claim was deleted meanwhile.
    """
    owner = _lock_owner(claim.host, claim.account_id)
    row = HostClaim.objects.select_for_update().filter(pk=claim.pk).first()
    if row is not None and row.verification_method != VerificationMethod.OPERATOR:
        method_before, row.checked = row.verification_method, now
        if row.account_id not in named:
            _record_missing_record(row, now)
        elif owner.account_id == row.account_id or _transfer_host(owner, row, named, now):
            _verify(row, VerificationMethod.DNS, now)
        row.next_check = _compute_next_check(row, now)
        _store(row, method_before)
    _delete_owner_without_claims(owner)
    return row


def claim_record_unavailable(*, claim: HostClaim, message: str, now: datetime) -> None:
    """Store that DNS did not answer. The claim keeps its state."""
    pause = max(RETRY_UNAVAILABLE_AFTER, _compute_next_check(claim, now) - now)
    pending = HostClaim.objects.filter(pk=claim.pk).exclude(verification_method=VerificationMethod.OPERATOR)
    pending.update(checked=now, check_result=message, next_check=now + min(pause, RECHECK_FAILING_AFTER))


def _record_missing_record(row: HostClaim, now: datetime) -> None:
    if row.verified is None:
        row.check_result = "No TXT record names this account yet."
        return
    row.failing_since = row.failing_since or now
    if now - row.failing_since >= GRACE_PERIOD:
        _withdraw_verification(row, "The record was missing for days, so the host is no longer verified.", now)
    else:
        row.check_result = f"The record is missing. The verification ends on {row.failing_since + GRACE_PERIOD:%-d %B}."


def _compute_next_check(row: HostClaim, now: datetime) -> datetime:
    if row.verified is not None:
        return now + (RECHECK_FAILING_AFTER if row.failing_since else RECHECK_VERIFIED_AFTER)
    return now + min(MAX_RECHECK_AFTER, max(MIN_RECHECK_AFTER, (now - row.created) / 4))


def _transfer_host(owner: HostOwner, claim: HostClaim, named: frozenset[int], now: datetime) -> bool:
    """Transfer the locked host to the account of `claim`, unless the present owner still has a right to it."""
    present_claims = HostClaim.objects.filter(host=claim.host, account_id=owner.account_id, verified__isnull=False)
    if present_claims.filter(verification_method=VerificationMethod.OPERATOR).exists():
        claim.check_result = "The operator gave this host to another account. Ask the operator of this installation."
        return False
    if owner.account_id in named:
        claim.check_result = "The record also names the account that has this host now. Remove that account from it."
        return False
    for other in present_claims:
        method_before = other.verification_method
        _withdraw_verification(other, "The record names another account now.", now)
        _store(other, method_before)
    owner.account_id = claim.account_id
    owner.save(update_fields=["account"])
    return True


def _verify(claim: HostClaim, method: VerificationMethod, now: datetime) -> None:
    """Mark a claim (unsaved) as verified."""
    claim.verified, claim.verification_method, claim.failing_since = claim.verified or now, method, None
    claim.check_result = (
        "The record names this account." if method == VerificationMethod.DNS else "Approved by the operator."
    )
    claim.next_check = None


def _withdraw_verification(claim: HostClaim, reason: str, now: datetime) -> None:
    """Mark a claim (unsaved) as pending again."""
    claim.verified, claim.verification_method, claim.failing_since = None, "", None
    claim.check_result, claim.next_check = reason, now + MIN_RECHECK_AFTER


@transaction.atomic
def _store(claim: HostClaim, method_before: str) -> None:
    """Save a claim, and notify the listeners if its verification is not what it was."""
    claim.save()
    if claim.verification_method != method_before:
        changes = {"verification_method": (method_before, claim.verification_method)}
        record_action("host.verified" if claim.verified else "host.verification_withdrawn", claim, changes=changes)
        _notify_listeners(claim)


def _lock_owner(host: str, account_id: int) -> HostOwner:
    """Lock the row of the host's owner until the transaction ends; it is created for this account if missing."""
    owner, _ = HostOwner.objects.select_for_update().get_or_create(host=host, defaults={"account_id": account_id})
    return owner


def _delete_owner_without_claims(owner: HostOwner) -> None:
    if not HostClaim.objects.filter(host=owner.host, account_id=owner.account_id, verified__isnull=False).exists():
        owner.delete()


def _notify_listeners(claim: HostClaim) -> None:
    for listener in CLAIM_LISTENERS:
        listener(claim)
