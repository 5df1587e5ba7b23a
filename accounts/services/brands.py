"""Writes of white labels: their names, colours, hosts and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

from django.db import transaction
from django.utils import timezone as clock

from accounts.audit.recording import read_fields, record_change
from accounts.custom_domains.claim_checks import claim_check
from accounts.custom_domains.services import host_claim, host_release
from accounts.models import Account, HostClaim, Purpose, VerificationMethod
from accounts.security import rate_limits
from accounts.services.accounts import account_lock
from accounts.validators import clean_brand
from accounts.white_label.host_checks import Finding, check_host, check_sender
from accounts.white_label.hosts import MAX_CHECKED_HOSTS, get_sender_domain, list_claimed_hosts, list_served_claims
from accounts.white_label.images import compute_version, encode_image
from accounts.white_label.models import BrandFile, BrandFileKind, HostFinding

# Hosts and name servers that never answer belong to customers. So few of the threads that build pages wait for them
MAX_CHECKS_AT_ONCE = 2
BUSY_SECONDS = 5
_checks = BoundedSemaphore(MAX_CHECKS_AT_ONCE)


@transaction.atomic
def account_brand_set(*, account: Account, **brand: str) -> Account:
    """Set values of the white label: host, tracking_host, name, logo, accent, sender. Raises ValidationError.

    An empty host switches it off. A new host is claimed, and so is the domain of a new sender: they have an effect once
    the account has verified them. Hosts that are no longer named are released.
    """
    changes = clean_brand(brand)
    account_lock(account)
    before, old = read_fields(account), _read_brand(account)
    new = {**{key: value for key, value in old.items() if key not in brand}, **changes}
    was, is_now = list_claimed_hosts(old), list_claimed_hosts(new)
    for host, field in is_now.items():
        if host not in was and not (field == "sender" and _has_link_domain(account, host)):
            host_claim(account=account, host=host, purpose=Purpose.BRAND, field=field)
    for host in was:
        if host not in is_now:
            host_release(account=account, host=host, purpose=Purpose.BRAND)
    _store_brand(account, new)
    record_change("account.changed", account, before)
    return account


@transaction.atomic
def brand_file_set(*, account: Account, kind: BrandFileKind, data: bytes) -> BrandFile:
    """Store an uploaded image as a file of the white label, in place of the earlier one. Raises ValidationError."""
    body = encode_image(kind, data)
    account_lock(account)
    before, version = read_fields(account), compute_version(body)
    values = {"body": body, "version": version, "changed": clock.now()}
    row, _ = BrandFile.objects.update_or_create(account=account, kind=kind, defaults=values)
    _store_brand(account, {**_read_brand(account), f"{kind.value}_version": version})
    record_change("account.changed", account, before)
    return row


@transaction.atomic
def brand_file_remove(*, account: Account, kind: BrandFileKind) -> None:
    """Delete a file of the white label, if there is one."""
    account_lock(account)
    before, name = read_fields(account), f"{kind.value}_version"
    BrandFile.objects.filter(account=account, kind=kind).delete()
    _store_brand(account, {key: value for key, value in _read_brand(account).items() if key != name})
    record_change("account.changed", account, before)


def brand_hosts_check(*, account: Account) -> int:
    """Look up now which hosts of the white label are the account's, where they lead and whether they are served.

    Returns 0, or the seconds to wait if the account has checked too often, or others are checking. It may take some
    seconds.
    """
    if not _checks.acquire(blocking=False):
        return BUSY_SECONDS
    try:
        if wait := rate_limits.count_attempt((rate_limits.CHECK_ACCOUNT, str(account.pk))):
            return wait
        _check_hosts(account)
        return 0
    finally:
        _checks.release()


def _check_hosts(account: Account) -> None:
    claims = account.host_claims.filter(purpose=Purpose.BRAND).exclude(verification_method=VerificationMethod.OPERATOR)
    for claim in claims.order_by("pk"):
        claim_check(claim)
    hosts = [claim.host for claim in list_served_claims(account)]
    with ThreadPoolExecutor(MAX_CHECKED_HOSTS, thread_name_prefix="hosts") as pool:
        found = dict(zip(hosts, pool.map(check_host, hosts), strict=True))
    if domain := get_sender_domain(account.brand):
        found[domain] = [*found.get(domain, []), *check_sender(domain)]
    host_findings_store(account=account, found=found)


@transaction.atomic
def host_findings_store(*, account: Account, found: Mapping[str, Sequence[Finding]]) -> None:
    """Store what was found at the account's hosts, in place of everything that was found before."""
    now = clock.now()
    HostFinding.objects.filter(account=account).delete()
    HostFinding.objects.bulk_create(
        HostFinding(
            account=account, host=host, subject=finding.subject, state=finding.state, found=finding.found, checked=now
        )
        for host, findings in found.items()
        for finding in findings
    )


def _has_link_domain(account: Account, host: str) -> bool:
    """Whether the account claims the host for links, which verifies it as well."""
    return HostClaim.objects.filter(account=account, host=host, purpose=Purpose.LINKS).exists()


def _read_brand(account: Account) -> dict[str, str]:
    """Read the white label as it is stored now; the account may have been loaded before it was locked."""
    brand: dict[str, str] = Account.objects.values_list("brand", flat=True).get(pk=account.pk)
    return brand


def _store_brand(account: Account, brand: dict[str, str]) -> None:
    account.brand = brand
    account.save(update_fields=["brand"])
