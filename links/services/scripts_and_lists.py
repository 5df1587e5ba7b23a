"""Services that write what an account sets for all its links: retargeting scripts and the two lists."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.audit.recording import read_fields, record_action, record_change
from accounts.host_names import is_public_host, normalize_host
from accounts.models import Account
from accounts.security.client_ip import parse_network
from links.models import MAX_LIST_ENTRIES, ListEntry, ListKind, Script
from links.routing import link_cache
from links.validators import clean_name, clean_text
from sites.models import take_change_number


@transaction.atomic
def script_write(*, account: Account, script: Script | None = None, name: str, text: str) -> Script:
    """Create or change a retargeting script."""
    row = script or Script(account=account)
    before = read_fields(row)
    row.name, row.script = clean_name(name), clean_text(text, 20_000)
    if not row.script:
        raise ValidationError({"script": "The script is empty."})
    row.save()
    if script is None:
        record_action("script.created", row)
    else:
        record_change("script.changed", row, before)
    transaction.on_commit(link_cache.refresh_soon)
    return row


@transaction.atomic
def script_delete(*, script: Script) -> None:
    """Delete a retargeting script and remove it from its links."""
    script.datapoints.update(change=take_change_number())
    record_action("script.deleted", script)
    script.delete()
    transaction.on_commit(link_cache.refresh_soon)


@transaction.atomic
def entry_create(*, account: Account, listing: str, value: str) -> ListEntry:
    """Add an address that is not tracked, or an allowed host of dynamic destinations; at most 50 of each."""
    value = clean_text(value, 253)
    field = "ip" if listing == ListKind.BLACKLIST else "name"
    if listing == ListKind.BLACKLIST and parse_network(value) is None:
        raise ValidationError({field: f"“{value[:60]}” is not an IP address or network."})
    if listing == ListKind.WHITELIST:
        value = normalize_host(value)
        if not is_public_host(value):
            raise ValidationError({field: f"“{value[:60]}” is not a host name such as example.com."})
    entries = ListEntry.objects.filter(account=account, listing=listing)
    existing = entries.filter(value=value).first()
    if existing is not None:
        return existing
    if entries.count() >= MAX_LIST_ENTRIES:
        raise ValidationError({field: f"This list holds at most {MAX_LIST_ENTRIES} entries."})
    row = ListEntry(account=account, listing=listing, value=value)
    row.save()
    record_action("list_entry.created", row)
    transaction.on_commit(link_cache.refresh_soon)
    return row


@transaction.atomic
def entry_delete(*, entry: ListEntry) -> None:
    record_action("list_entry.deleted", entry)
    entry.delete()
    take_change_number()
    transaction.on_commit(link_cache.refresh_soon)
