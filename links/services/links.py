"""Services that write links and pixels."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import BooleanField, CharField, DateTimeField, Field, Max, QuerySet, TextField

from accounts.account_limits import check_limit, get_account_limit
from accounts.audit.recording import read_fields, record_action, record_change
from accounts.models import Account
from accounts.services import account_lock
from links.models import (
    MAX_CONVERSIONS,
    MAX_SCRIPTS,
    ROTATORS,
    Conversion,
    Datapoint,
    DatapointKind,
    Domain,
    Group,
    LinkConversion,
    Mode,
    RedirectType,
    ReferrerClean,
    Script,
    Status,
    Tag,
)
from links.public_urls import get_system_domain
from links.routing import link_cache
from links.routing.loop_check import check_loops
from links.routing.rules import clean_rules
from links.services.groups import get_or_create_default_group, get_or_create_tags
from links.url_policy import clean_optional_url, clean_url
from links.validators import build_missing_error, check_owned, clean_cost, clean_integer, clean_time
from sites.models import take_change_number

ALIAS = re.compile(r"[A-Za-z0-9_~-]([A-Za-z0-9_.~-]{0,98}[A-Za-z0-9_~-])?\Z")
RESERVED_ALIASES = frozenset(
    {"l", "js", "s2s", "conversion.aspx", "api", "static", "healthz", "robots.txt", "favicon.ico"}
)
ALIAS_LETTERS = string.ascii_lowercase + string.digits
URL_FIELDS = ("first_url", "url_after_date", "url_after_clicks")
CONSISTENT_FIELDS = ("url", "rules")  # checked together with the mode
MAX_NOTES = 10_000
# Fields with a check of their own: those of `clean_field`, and what the services set themselves
CHECKED_FIELDS = frozenset(
    {"url", "mode", "rules", "redirect_type", "referrer_clean", "password", "expiration_clicks", "cost", "status",
     "group", "go_domain"}
)  # fmt: skip
OWN_FIELDS = frozenset({"alias", "alias_key", "created", "change"})


def list_fields(kind: type[Field[object, object]]) -> dict[str, Field[object, object]]:
    """Return the fields of a link of one kind that need no check of their own, by name."""
    others = {*URL_FIELDS, *CHECKED_FIELDS, *OWN_FIELDS}
    columns = Datapoint._meta.concrete_fields
    return {column.name: column for column in columns if isinstance(column, kind) and column.name not in others}


FLAG_FIELDS = frozenset(list_fields(BooleanField))
MAX_TEXTS = {
    **{name: column.max_length for name, column in list_fields(CharField).items()},
    **dict.fromkeys(list_fields(TextField), MAX_NOTES),
}
TIME_FIELDS = frozenset(list_fields(DateTimeField))
FIELDS = frozenset({*URL_FIELDS, *FLAG_FIELDS, *MAX_TEXTS, *TIME_FIELDS, *CHECKED_FIELDS})


def generate_alias(length: int = 7) -> str:
    """Generate an unguessable alias."""
    return "".join(secrets.choice(ALIAS_LETTERS) for _ in range(length))


def clean_alias(alias: str, domain: Domain) -> str:
    """Check a new alias on a domain; aliases of deleted links stay reserved. Raises ValidationError."""
    alias = alias.strip()
    if not ALIAS.match(alias):
        raise ValidationError(
            {"alias": "An alias has 1 to 100 letters, digits and - _ . ~ and does not end with a dot."}
        )
    if alias.lower() in RESERVED_ALIASES or alias.lower().endswith(".qr"):
        raise ValidationError({"alias": f"“{alias}” is reserved; choose another alias."})
    if Datapoint.objects.filter(domain=domain, alias_key=alias.lower()).exists():
        raise ValidationError(
            {"alias": f"“{alias}” is used on {domain.name}; an alias is never reused, not even after deletion."}
        )
    return alias


def clean_fields(changes: Mapping[str, Any], account: Account) -> dict[str, object]:
    """Clean a link's fields for storing. Raises ValidationError; TypeError for a field that does not exist."""
    if unknown := changes.keys() - FIELDS:
        raise TypeError(f"a link has no field {sorted(unknown)}")
    cleaned: dict[str, object] = {}
    for name, value in changes.items():
        if name in URL_FIELDS:
            cleaned[name] = clean_optional_url(value, name)
        elif name in FLAG_FIELDS:
            cleaned[name] = bool(value)
        elif name in MAX_TEXTS:
            cleaned[name] = str(value or "").replace("\x00", "").strip()[: MAX_TEXTS[name]]
        elif name in TIME_FIELDS:
            cleaned[name] = clean_time(value, name)
        elif name in CONSISTENT_FIELDS:
            cleaned[name] = value
        elif name == "group":
            cleaned[name] = check_owned(account, [value], "group", "group")[0]
        elif name == "go_domain":
            cleaned[name] = check_domain(account, value, name) if value else None
        else:
            cleaned[name] = clean_field(name, value)
    return cleaned


def clean_field(name: str, value: object) -> object:
    """Clean one field that needs a check of its own. Raises ValidationError."""
    if name == "mode":
        return clean_integer(value, name, Mode.values)
    if name == "status":
        return clean_integer(value, name, Status.values)
    if name == "redirect_type":
        return clean_integer(value, name, RedirectType.values)
    if name == "referrer_clean":
        return clean_integer(value, name, ReferrerClean.values)
    if name == "expiration_clicks":
        return clean_integer(value or 0, name)
    if name == "cost":
        return clean_cost(value, name)
    if name == "password":
        return make_password(str(value)) if value else ""
    raise TypeError(f"a link's {name} has no check")


def check_domain(account: Account, domain: Domain, field: str = "domain") -> Domain:
    """Raise ValidationError unless the account may use the domain; returns it."""
    if domain.deleted or domain.account_id not in (None, account.pk):
        raise build_missing_error("domain", field)
    return domain


def choose_domain(account: Account, domain: Domain | None) -> Domain:
    """Choose the domain of a new link. None and former domains of the installation mean its present one."""
    return get_system_domain() if domain is None or domain.is_former else check_domain(account, domain)


def check_consistency(row: Datapoint) -> None:
    """Clean and check what depends on several fields of a link. Raises ValidationError."""
    if row.kind == DatapointKind.PIXEL:
        return
    row.url = clean_url(row.url)
    row.rules = clean_rules(row.rules or {}, row.mode)
    if row.mode in ROTATORS and row.redirect_type == RedirectType.PERMANENT:
        row.redirect_type = (
            RedirectType.TEMPORARY
        )  # browsers cache a permanent redirect, and a cached one would never rotate
    check_loops(row)


def check_link_limit(account: Account) -> None:
    """Raise ValidationError if the account may have no further link."""
    newest = Datapoint.objects.aggregate(Max("pk"))["pk__max"] or 0
    if newest < get_account_limit(account, "datapoints"):
        return  # all accounts together have fewer links than this one may have: no need to count
    account_lock(account)
    used = Datapoint.objects.filter(account=account).exclude(status=Status.DELETED).count()
    check_limit(account, "datapoints", used=used, field="id", what="links and pixels")


@transaction.atomic
def datapoint_create(
    *,
    account: Account,
    group: Group | None = None,
    kind: int = DatapointKind.LINK,
    alias: str = "",
    domain: Domain | None = None,
    tags: Sequence[Tag | str] | None = None,
    conversions: Sequence[Conversion] | None = None,
    scripts: Sequence[Script] | None = None,
    **fields: object,
) -> Datapoint:
    """Create a link or pixel. Without an alias one is generated; without a group the account's first is used."""
    check_link_limit(account)
    link_domain = choose_domain(account, domain)
    row = Datapoint(account=account, kind=clean_integer(kind, "kind", DatapointKind.values), domain=link_domain)
    row.group = check_owned(account, [group], "group", "group")[0] if group else get_or_create_default_group(account)
    if row.kind == DatapointKind.PIXEL:
        row.alias = f"pixel{generate_alias(6)}"
    else:
        row.alias = clean_alias(alias, link_domain) if alias else find_free_alias(link_domain)
    for name, value in clean_fields(fields, account).items():
        setattr(row, name, value)
    if row.status == Status.DELETED:
        raise ValidationError({"status": "A new link cannot be deleted; its status must be active, paused or blocked."})
    check_consistency(row)
    try:
        row.save()  # within a savepoint of its own
    except IntegrityError:
        raise ValidationError({"alias": f"“{row.alias}” is used on {link_domain.name}."}) from None
    set_related_rows(row, tags=tags, conversions=conversions, scripts=scripts)
    record_action("link.created", row)
    transaction.on_commit(link_cache.refresh_soon)
    return row


def find_free_alias(domain: Domain) -> str:
    """Generate an alias that is free on the domain, longer ones after collisions."""
    for length in (7, 8, 10, 16):
        alias = generate_alias(length)
        if not Datapoint.objects.filter(domain=domain, alias_key=alias).exists():
            return alias
    return generate_alias(32)


@transaction.atomic
def datapoint_update(
    *,
    datapoint: Datapoint,
    tags: Sequence[Tag | str] | None = None,
    conversions: Sequence[Conversion] | None = None,
    scripts: Sequence[Script] | None = None,
    **changes: object,
) -> Datapoint:
    """Change the named fields. The alias and the domain never change."""
    # Locked and read again, so that a concurrent change is not lost
    datapoint.refresh_from_db(from_queryset=Datapoint.objects.select_for_update())
    if datapoint.status == Status.DELETED:
        raise ValidationError({"id": "A deleted link cannot be changed."})
    if changes.get("status") == Status.DELETED:
        raise ValidationError(
            {"status": "A link is not deleted by its status, since that cannot be undone; delete the link."}
        )
    before, related_before = read_fields(datapoint), list_related_names(datapoint)
    for name, value in clean_fields(changes, datapoint.account).items():
        setattr(datapoint, name, value)
    check_consistency(datapoint)
    set_related_rows(datapoint, tags=tags, conversions=conversions, scripts=scripts)
    datapoint.save()
    related = list_related_names(datapoint)
    record_change(
        "link.changed", datapoint, before, also={name: (related_before[name], related[name]) for name in related}
    )
    transaction.on_commit(link_cache.refresh_soon)
    return datapoint


@transaction.atomic
def datapoint_delete(*, datapoint: Datapoint) -> None:
    """Delete a link for good; its statistics stay and its alias stays reserved."""
    datapoint.status = Status.DELETED
    datapoint.save(update_fields=["status"])
    record_action("link.deleted", datapoint)
    transaction.on_commit(link_cache.refresh_soon)


def datapoints_pause(*, rows: QuerySet[Datapoint]) -> int:
    """Pause the active links among `rows`; return how many."""
    if not rows.filter(status=Status.ACTIVE).exists():
        return 0
    with transaction.atomic():
        active = list(rows.select_for_update().filter(status=Status.ACTIVE))
        ids = [link.pk for link in active]
        paused = Datapoint.objects.filter(pk__in=ids).update(status=Status.PAUSED, change=take_change_number())
        for link in active:
            record_action("link.changed", link, changes={"status": (Status.ACTIVE.value, Status.PAUSED.value)})
        transaction.on_commit(link_cache.refresh_soon)
    return paused


def list_related_names(row: Datapoint) -> dict[str, list[str]]:
    """List the names of the rows that a link refers to, by kind."""
    return {
        "tags": list(row.tags.order_by("name").values_list("name", flat=True)),
        "scripts": list(row.scripts.order_by("pk").values_list("name", flat=True)),
        "conversions": list(row.attached.order_by("position").values_list("conversion__name", flat=True)),
    }


def set_related_rows(
    row: Datapoint,
    *,
    tags: Sequence[Tag | str] | None,
    conversions: Sequence[Conversion] | None,
    scripts: Sequence[Script] | None,
) -> None:
    """Set tags (rows, or names to create), conversions in their positions, and scripts; None leaves them unchanged."""
    if tags is not None:
        row.tags.set(get_or_create_tags(row.account, tags))
    if scripts is not None:
        if len(scripts) > MAX_SCRIPTS:
            raise ValidationError({"scripts": f"A link has at most {MAX_SCRIPTS} retargeting scripts."})
        row.scripts.set(check_owned(row.account, scripts, "scripts", "retargeting script"))
    if conversions is not None:
        wanted = list(dict.fromkeys(check_owned(row.account, conversions, "conversions", "conversion")))
        if len(wanted) > MAX_CONVERSIONS:
            raise ValidationError({"conversions": f"A link has at most {MAX_CONVERSIONS} conversions."})
        row.attached.all().delete()
        LinkConversion.objects.bulk_create(
            LinkConversion(datapoint=row, conversion=conversion, position=place)
            for place, conversion in enumerate(wanted, 1)
        )
