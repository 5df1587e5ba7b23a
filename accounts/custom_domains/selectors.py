"""Reads of host claims. Hosts are normalized names."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.custom_domains.models import HostClaim
from accounts.models import Account


def proved_claims(purpose: str) -> QuerySet[HostClaim]:
    """All proved claims for a purpose."""
    return HostClaim.objects.filter(purpose=purpose, proved__isnull=False)


def proved_claim(host: str, purpose: str) -> HostClaim | None:
    """The proved claim on a host, with its account; there is at most one."""
    return proved_claims(purpose).filter(host=host).select_related("account").first() if host else None


def has_proved(account: Account, host: str, purpose: str) -> bool:
    """Whether the account proved the host for the purpose."""
    return bool(host) and proved_claims(purpose).filter(account=account, host=host).exists()


def claims_of(account: Account, purpose: str) -> dict[str, HostClaim]:
    """The account's claims for a purpose by host, pending and proved."""
    return {claim.host: claim for claim in HostClaim.objects.filter(account=account, purpose=purpose)}


def claim_of(account: Account, host: str, purpose: str) -> HostClaim | None:
    """The account's claim on a host, pending or proved, if there is one."""
    return HostClaim.objects.filter(account=account, host=host, purpose=purpose).first()
