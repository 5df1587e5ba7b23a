"""Services that write conversions and attach them to links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock

from accounts.audit.recording import read_fields, record_action, record_change
from accounts.models import Account
from links.models import MAX_CONVERSIONS, Conversion, Datapoint, LinkConversion
from links.routing import link_cache
from links.validators import check_owned, clean_conversion_fields


@transaction.atomic
def conversion_create(*, account: Account, name: str, **fields: object) -> Conversion:
    """Create a conversion. `fields`: description, value, currency, protocol, window_days."""
    row = Conversion(account=account, **clean_conversion_fields({"name": name, **fields}))
    row.save()
    record_action("conversion.created", row)
    transaction.on_commit(link_cache.refresh_soon)
    return row


@transaction.atomic
def conversion_update(*, conversion: Conversion, **changes: object) -> Conversion:
    """Change a conversion; its code stays."""
    conversion.refresh_from_db(from_queryset=Conversion.objects.select_for_update())
    if conversion.deleted:
        raise ValidationError({"id": "A deleted conversion cannot be changed."})
    before = read_fields(conversion)
    for field, value in clean_conversion_fields(changes).items():
        setattr(conversion, field, value)
    conversion.save()
    record_change("conversion.changed", conversion, before)
    transaction.on_commit(link_cache.refresh_soon)
    return conversion


@transaction.atomic
def conversion_delete(*, conversion: Conversion, now: datetime | None = None) -> None:
    """Delete a conversion: its code counts nothing any more, its statistics stay."""
    conversion.deleted = conversion.deleted or now or clock.now()
    conversion.save(update_fields=["deleted"])
    conversion.datapoints.update(change=conversion.change)
    conversion.attached.all().delete()
    record_action("conversion.deleted", conversion)
    transaction.on_commit(link_cache.refresh_soon)


@transaction.atomic
def conversion_attach(*, conversion: Conversion, datapoint: Datapoint, replace: Conversion | None = None) -> None:
    """Attach a conversion to a link, in the position of `replace` or the first free one."""
    check_owned(datapoint.account, [conversion], "id", "conversion")
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
    LinkConversion.objects.create(datapoint=datapoint, conversion=conversion, position=position)
    record_action("link.changed", datapoint, changes={"conversions": (None, [conversion.name])})
    datapoint.save(update_fields=[])
    transaction.on_commit(link_cache.refresh_soon)


@transaction.atomic
def conversion_detach(*, conversion: Conversion, datapoint: Datapoint) -> None:
    """Detach a conversion from a link."""
    if datapoint.attached.filter(conversion=conversion).delete()[0]:
        record_action("link.changed", datapoint, changes={"conversions": ([conversion.name], None)})
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
