"""Services that write link domains."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock

from accounts.account_limits import check_limit
from accounts.audit.recording import read_fields, record_action, record_change
from accounts.custom_domains.services import host_claim, host_release
from accounts.host_names import normalize_host
from accounts.models import Account, Purpose
from accounts.services import account_lock
from links.models import ACCOUNT_KINDS, Domain, DomainKind, Status
from links.routing import link_cache
from links.validators import clean_domain_fields, clean_name


@transaction.atomic
def domain_create(*, account: Account, name: str, kind: int = DomainKind.PERSONAL, **fields: object) -> Domain:
    """Create a link domain of the account (personal or dedicated).

    Links on it work once the account has verified the host name (`accounts.custom_domains`).
    """
    host = normalize_host(clean_name(name, max_length=253))
    if kind not in ACCOUNT_KINDS:
        raise ValidationError({"type": "A domain of your own is personal or dedicated."})
    account_lock(account)
    own = Domain.objects.filter(account=account)
    existing = own.filter(name=host).first()
    if existing is not None and existing.deleted is None:
        raise ValidationError({"name": f"{host} is in use already."})
    check_limit(account, "domains", used=own.filter(deleted=None).count(), field="name", what="link domains")
    host_claim(account=account, host=host, purpose=Purpose.LINKS, field="name")
    row = existing or Domain(account=account, name=host)
    row.kind, row.deleted = kind, None
    for field, value in clean_domain_fields(fields).items():
        setattr(row, field, value)
    row.save()
    record_action("link_domain.created", row)
    transaction.on_commit(link_cache.refresh_soon)
    return row


def domain_check_store(*, domain: Domain, result: str, now: datetime) -> None:
    """Store where the name of a domain was found to lead."""
    domain.check_result, domain.checked = result[:200], now
    Domain.objects.filter(pk=domain.pk).update(check_result=domain.check_result, checked=now)  # not a cached field


@transaction.atomic
def domain_update(*, domain: Domain, **changes: object) -> Domain:
    """Change where visitors are sent who open the domain without a valid alias."""
    before = read_fields(domain)
    for field, value in clean_domain_fields(changes).items():
        setattr(domain, field, value)
    domain.save()
    record_change("link_domain.changed", domain, before)
    transaction.on_commit(link_cache.refresh_soon)
    return domain


@transaction.atomic
def domain_delete(*, domain: Domain, now: datetime | None = None) -> None:
    """Delete a domain: its links stop working and the name is free. Raises ValidationError while it has active links,
    so that nobody loses them by accident."""
    if domain.datapoints.filter(status=Status.ACTIVE).exists():
        raise ValidationError({"id": f"{domain.name} still has active links; delete or pause them first."})
    if domain.account is not None:
        host_release(account=domain.account, host=domain.name, purpose=Purpose.LINKS)
    domain.deleted = now or clock.now()
    domain.save(update_fields=["deleted"])
    record_action("link_domain.deleted", domain)
    transaction.on_commit(link_cache.refresh_soon)
