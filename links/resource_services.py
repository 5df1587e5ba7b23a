"""Services that write what links use: groups, tags, domains, conversions, scripts and the account's two lists.

Errors are ValidationError {field: sentence}.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone as clock

from accounts.custom_domains.services import host_claim, host_release
from accounts.host_names import is_public_host, normalize_host
from accounts.limits import check_limit
from accounts.models import Account, Membership, Purpose, Right
from accounts.security.client_ip import parse_network
from accounts.services import account_lock, account_update, grant_set
from links.models import (
    MAX_CONVERSIONS,
    MAX_LIST_ENTRIES,
    Attached,
    Conversion,
    Datapoint,
    Domain,
    DomainKind,
    Entry,
    Group,
    Listing,
    Script,
    Status,
    Tag,
)
from links.routing import link_cache
from links.services import get_or_create_tag, get_or_create_tags
from links.validators import clean_conversion_fields, clean_domain_fields, clean_group_fields, clean_name, clean_text
from sites.models import take_change_number


def mark_links_changed(links: Any) -> None:
    """Give these links a new change number, so that link caches reload them."""
    links.update(change=take_change_number())


@transaction.atomic
def group_create(
    *,
    account: Account,
    name: str,
    tags: Sequence[Tag | str] | None = None,
    shared_with: Membership | None = None,
    **fields: Any,
) -> Group:
    """Create a group. `fields`: notes, favourite, redirect_only, is_public. `shared_with`: the guest who creates it
    and gets the right to write."""
    group = Group.objects.create(account=account, name=clean_name(name), **clean_group_fields(fields))
    if tags:
        group.tags.set(get_or_create_tags(account, tags))
    if shared_with is not None:
        grant_set(membership=shared_with, kind="group", object_id=group.pk, right=Right.WRITE)
    return group


@transaction.atomic
def group_update(*, group: Group, tags: Sequence[Tag | str] | None = None, **changes: Any) -> Group:
    """Change the named fields of a group."""
    group.refresh_from_db(from_queryset=Group.objects.select_for_update())
    if group.deleted:
        raise ValidationError({"id": "A deleted group cannot be changed."})
    for field, value in clean_group_fields(changes).items():
        setattr(group, field, value)
    group.save()
    if tags is not None:
        group.tags.set(get_or_create_tags(group.account, tags))
    mark_links_changed(group.datapoints)
    transaction.on_commit(link_cache.refresh_soon)
    return group


@transaction.atomic
def group_delete(*, group: Group, now: datetime | None = None) -> None:
    """Delete a group and all its links; statistics stay."""
    group.deleted = group.deleted or now or clock.now()
    group.save(update_fields=["deleted"])
    group.datapoints.update(status=Status.DELETED)
    mark_links_changed(group.datapoints)
    transaction.on_commit(link_cache.refresh_soon)


@transaction.atomic
def tag_create(*, account: Account, name: str, links: Sequence[Datapoint] = (), groups: Sequence[Group] = ()) -> Tag:
    """Get or create the tag of that name and add it to these links and groups."""
    tag = get_or_create_tag(account, clean_name(name, max_length=100))
    assert tag is not None
    for link in links:
        tag_add(tag=tag, row=link)
    for group in groups:
        tag_add(tag=tag, row=group)
    return tag


def tag_rename(*, tag: Tag, name: str) -> Tag:
    """Rename a tag. Raises ValidationError if the account has a tag of that name."""
    tag.name = clean_name(name, max_length=100)
    try:
        with transaction.atomic():
            tag.save()
    except IntegrityError:
        raise ValidationError({"name": f"There is a tag “{tag.name}” already."}) from None
    return tag


def tag_delete(*, tag: Tag) -> None:
    tag.delete()


def tag_add(*, tag: Tag, row: Datapoint | Group) -> None:
    """Add the tag to a link or group of its account."""
    if row.account_id != tag.account_id:
        raise ValidationError({"id": "Specified tag does not exist."})
    row.tags.add(tag)


def tag_remove(*, tag: Tag, row: Datapoint | Group) -> None:
    """Remove the tag from a link or group."""
    row.tags.remove(tag)


def tag_clear(*, tag: Tag, links: bool = False, groups: bool = False) -> None:
    """Remove the tag from all links, or from all groups."""
    if links:
        tag.datapoints.clear()
    if groups:
        tag.groups.clear()


@transaction.atomic
def domain_create(*, account: Account, name: str, kind: int = DomainKind.PERSONAL, **fields: Any) -> Domain:
    """Create a link domain of the account (personal or dedicated).

    Links on it work once the account has verified the host name (`accounts.custom_domains`).
    """
    host = normalize_host(clean_name(name, max_length=253))
    if kind not in (DomainKind.PERSONAL, DomainKind.DEDICATED):
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
    transaction.on_commit(link_cache.refresh_soon)
    return row


def domain_check_store(*, domain: Domain, result: str, now: datetime) -> None:
    """Store where the name of a domain was found to lead."""
    domain.check_result, domain.checked = result[:200], now
    Domain.objects.filter(pk=domain.pk).update(check_result=domain.check_result, checked=now)  # not a cached field


@transaction.atomic
def domain_update(*, domain: Domain, **changes: Any) -> Domain:
    """Change where visitors are sent who open the domain without a valid alias."""
    for field, value in clean_domain_fields(changes).items():
        setattr(domain, field, value)
    domain.save()
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
    transaction.on_commit(link_cache.refresh_soon)


@transaction.atomic
def conversion_create(*, account: Account, name: str, **fields: Any) -> Conversion:
    """Create a conversion. `fields`: description, value, currency, protocol, window_days."""
    row = Conversion(account=account, **clean_conversion_fields({"name": name, **fields}))
    row.save()
    transaction.on_commit(link_cache.refresh_soon)
    return row


@transaction.atomic
def conversion_update(*, conversion: Conversion, **changes: Any) -> Conversion:
    """Change a conversion; its code stays."""
    conversion.refresh_from_db(from_queryset=Conversion.objects.select_for_update())
    if conversion.deleted:
        raise ValidationError({"id": "A deleted conversion cannot be changed."})
    for field, value in clean_conversion_fields(changes).items():
        setattr(conversion, field, value)
    conversion.save()
    transaction.on_commit(link_cache.refresh_soon)
    return conversion


@transaction.atomic
def conversion_delete(*, conversion: Conversion, now: datetime | None = None) -> None:
    """Delete a conversion: its code counts nothing any more, its statistics stay."""
    conversion.deleted = conversion.deleted or now or clock.now()
    conversion.save(update_fields=["deleted"])
    mark_links_changed(Datapoint.objects.filter(attached__conversion=conversion))
    conversion.attached.all().delete()
    transaction.on_commit(link_cache.refresh_soon)


@transaction.atomic
def conversion_attach(*, conversion: Conversion, datapoint: Datapoint, replace: Conversion | None = None) -> None:
    """Attach a conversion to a link, in the position of `replace` or the first free one."""
    if conversion.account_id != datapoint.account_id or conversion.deleted:
        raise ValidationError({"id": "Specified conversion does not exist."})
    Datapoint.objects.select_for_update().get(pk=datapoint.pk)  # concurrent changes would choose the same position
    used = {link_conversion.position: link_conversion for link_conversion in datapoint.attached.all()}
    if any(link_conversion.conversion_id == conversion.pk for link_conversion in used.values()):
        return
    position = next(
        (
            candidate
            for candidate, link_conversion in used.items()
            if replace and link_conversion.conversion_id == replace.pk
        ),
        0,
    )
    if position:
        used[position].delete()
    position = position or next((candidate for candidate in range(1, MAX_CONVERSIONS + 1) if candidate not in used), 0)
    if not position:
        raise ValidationError({"id": f"A link has at most {MAX_CONVERSIONS} conversions."})
    Attached.objects.create(datapoint=datapoint, conversion=conversion, position=position)
    datapoint.save(update_fields=[])
    transaction.on_commit(link_cache.refresh_soon)


@transaction.atomic
def conversion_detach(*, conversion: Conversion, datapoint: Datapoint) -> None:
    """Detach a conversion from a link."""
    datapoint.attached.filter(conversion=conversion).delete()
    datapoint.save(update_fields=[])
    transaction.on_commit(link_cache.refresh_soon)


@transaction.atomic
def conversion_patch(*, conversion: Conversion, changes: Sequence[tuple[Datapoint, bool]]) -> None:
    """Attach the conversion to links (True) or detach it (False), in this order: all or nothing."""
    for datapoint, attach in changes:
        if attach:
            conversion_attach(conversion=conversion, datapoint=datapoint)
        else:
            conversion_detach(conversion=conversion, datapoint=datapoint)


@transaction.atomic
def script_write(*, account: Account, script: Script | None = None, name: str, text: str) -> Script:
    """Create or change a retargeting script."""
    row = script or Script(account=account)
    row.name, row.script = clean_name(name), clean_text(text, 20_000)
    if not row.script:
        raise ValidationError({"script": "The script is empty."})
    row.save()
    transaction.on_commit(link_cache.refresh_soon)
    return row


@transaction.atomic
def script_delete(*, script: Script) -> None:
    """Delete a retargeting script and remove it from its links."""
    links = Datapoint.objects.filter(pk__in=list(script.datapoints.values_list("pk", flat=True)))
    script.delete()
    mark_links_changed(links)
    transaction.on_commit(link_cache.refresh_soon)


@transaction.atomic
def entry_create(*, account: Account, listing: str, value: str) -> Entry:
    """Add an address that is not tracked, or an allowed host of dynamic destinations; at most 50 of each."""
    value = clean_text(value, 253)
    field = "ip" if listing == Listing.BLACKLIST else "name"
    if listing == Listing.BLACKLIST and parse_network(value) is None:
        raise ValidationError({field: f"“{value[:60]}” is not an IP address or network."})
    if listing == Listing.WHITELIST:
        value = normalize_host(value)
        if not is_public_host(value):
            raise ValidationError({field: f"“{value[:60]}” is not a host name such as example.com."})
    entries = Entry.objects.filter(account=account, listing=listing)
    existing = entries.filter(value=value).first()
    if existing is not None:
        return existing
    if entries.count() >= MAX_LIST_ENTRIES:
        raise ValidationError({field: f"This list holds at most {MAX_LIST_ENTRIES} entries."})
    row = Entry(account=account, listing=listing, value=value)
    row.save()
    transaction.on_commit(link_cache.refresh_soon)
    return row


@transaction.atomic
def entry_delete(*, entry: Entry) -> None:
    entry.delete()
    take_change_number()
    transaction.on_commit(link_cache.refresh_soon)


@transaction.atomic
def profile_update(*, account: Account, profile: dict[str, str], timezone: str | None = None) -> Account:
    """Change the account's profile (ClickMeter's names and phone) and its time zone."""
    if timezone is not None:
        account_update(account=account, timezone=timezone)
    account.profile = {**account.profile, **profile}
    account.save(update_fields=["profile"])
    return account
