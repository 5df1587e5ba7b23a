"""Writes of the e-mail domains of single sign-on: added, verified by a TXT record, and looked up again every day."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from accounts.audit.recording import record_action
from accounts.custom_domains.services import GRACE_PERIOD
from accounts.custom_domains.txt_records import DnsUnavailable, look_up_named_accounts
from accounts.host_names import is_public_host, normalize_host
from accounts.run_each import run_each
from accounts.security import rate_limits
from accounts.services.sso import covered_sessions_end
from accounts.sso.models import RECORD_LABEL, SsoConnection, SsoDomain

MAX_DOMAINS = 20
RECHECK_AFTER = timedelta(days=1)
RETRY_FAILING_AFTER = timedelta(hours=6)
MAX_PER_ROUND = 100
NOT_FOUND = "There is no TXT record that names this account yet."
TAKEN = "Another account has verified this domain, and the record still names it. Remove that account from the record."


@transaction.atomic
def sso_domain_add(*, connection: SsoConnection, domain: str) -> SsoDomain:
    """Add an e-mail domain, which has no effect until it is verified. Raises ValidationError."""
    name = normalize_host(domain.strip().rpartition("@")[2])
    if not is_public_host(name):
        raise ValidationError({"domain": f"“{domain[:60]}” is not a domain such as example.org."})
    if connection.domains.count() >= MAX_DOMAINS and not connection.domains.filter(domain=name).exists():
        raise ValidationError({"domain": f"An account has at most {MAX_DOMAINS} e-mail domains."})
    row, is_new = SsoDomain.objects.get_or_create(connection=connection, domain=name)
    if is_new:
        record_action("sso_domain.added", row)
    return row


@transaction.atomic
def sso_domain_remove(*, domain: SsoDomain) -> None:
    """Remove a domain: its people log in as everybody else does."""
    record_action("sso_domain.removed", domain)
    domain.delete()


def sso_domain_check_now(*, domain: SsoDomain, now: datetime) -> int:
    """Look up a domain's record now; returns 0, or the seconds to wait if the account has checked too often."""
    account = str(domain.connection.account_id)
    if wait := rate_limits.count_attempt((rate_limits.CHECK_ACCOUNT, account)):
        return wait
    sso_domain_check(domain=domain, now=now)
    return 0


def sso_domain_check(*, domain: SsoDomain, now: datetime) -> None:
    """Look up a domain's record and store the result."""
    try:
        named = look_up_named_accounts(domain.domain, RECORD_LABEL)
    except DnsUnavailable as error:
        SsoDomain.objects.filter(pk=domain.pk).update(checked=now, check_result=str(error))
        return
    _store_lookup(domain, named, now)


@transaction.atomic
def _store_lookup(domain: SsoDomain, named: frozenset[int], now: datetime) -> None:
    """Store which accounts the record names. A verified domain without a record stays so for GRACE_PERIOD."""
    rows = list(SsoDomain.objects.select_for_update().filter(domain=domain.domain).select_related("connection"))
    row = next((one for one in rows if one.pk == domain.pk), None)
    if row is None:
        return
    row.checked = now
    owner = next((one for one in rows if one.verified is not None and one.pk != row.pk), None)
    if row.connection.account_id not in named:
        _store_missing(row, now)
    elif owner is not None and owner.connection.account_id in named:
        row.check_result = TAKEN
    else:
        if owner is not None:
            _withdraw(owner, "The record names another account now.")
            owner.save()
        _verify(row, now)
    row.save()


def _store_missing(row: SsoDomain, now: datetime) -> None:
    if row.verified is None:
        row.check_result = NOT_FOUND
        return
    row.failing_since = row.failing_since or now
    ends = row.failing_since + GRACE_PERIOD
    if now >= ends:
        _withdraw(row, "The record was missing for three days, so the domain is no longer verified.")
    else:
        row.check_result = f"The record is missing. People can log in through the provider until {ends:%-d %B}."


@transaction.atomic
def _verify(row: SsoDomain, now: datetime) -> None:
    """Mark a domain (unsaved) as verified; where single sign-on is enforced, the sessions of its people end."""
    row.failing_since, row.check_result = None, "The record names this account."
    if row.verified is not None:
        return
    row.verified = now
    row.save()
    record_action("sso_domain.verified", row)
    if row.connection.enforced:
        covered_sessions_end(connection=row.connection, domain=row.domain)


@transaction.atomic
def _withdraw(row: SsoDomain, reason: str) -> None:
    row.verified, row.failing_since, row.check_result = None, None, reason
    changes = {"check_result": (None, reason)}
    record_action("sso_domain.verification_withdrawn", row, changes=changes)


def sso_domains_check(*, now: datetime) -> int:
    """Look up the verified domains whose last check is a day ago (of failing ones, hours); returns how many."""
    is_due = Q(checked__lt=now - RECHECK_AFTER) | Q(checked__lt=now - RETRY_FAILING_AFTER, failing_since__isnull=False)
    due = SsoDomain.objects.filter(is_due, verified__isnull=False).select_related("connection").order_by("checked")
    return len(run_each(due[:MAX_PER_ROUND], lambda row: sso_domain_check(domain=row, now=now), what="E-mail domain"))
