"""Conversions, domains, retargeting scripts."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from links import belongings as services
from links.api import entities, parse, wire
from links.api.call import Call, whole
from links.api.errors import invalid
from links.models import Conversion, Datapoint, Domain, DomainKind, Script

Json = dict[str, Any]
DOMAIN_KINDS = {
    "system": DomainKind.SYSTEM,
    "go": DomainKind.GO,
    "personal": DomainKind.PERSONAL,
    "dedicated": DomainKind.DEDICATED,
}


# -- conversions --------------------------------------------------------------------------------------------------


def conversion_list(call: Call) -> Json:
    return entities.listed(call, entities.conversions(call), "conversions", wire.conversion)


def conversion_count(call: Call) -> Json:
    return entities.counted(entities.conversions(call))


def conversion_create(call: Call) -> Json:
    call.only_master()
    fields = {"name": "", **parse.conversion_fields(call.body)}
    return wire.uri("conversions", services.conversion_create(account=call.account, **fields).pk)


def conversion_get(call: Call, conversionId: int) -> Json:
    return wire.conversion(entities.conversion(call, conversionId))


def conversion_update(call: Call, conversionId: int) -> Json:
    row = entities.conversion(call, conversionId, write=True)
    services.conversion_update(conversion=row, **parse.conversion_fields(call.body))
    return wire.uri("conversions", conversionId)


def conversion_delete(call: Call, conversionId: int) -> Json:
    services.conversion_delete(conversion=entities.conversion(call, conversionId, write=True), now=call.now)
    return wire.uri("conversions", conversionId)


def conversion_notes(call: Call, conversionId: int) -> Json:
    row = entities.conversion(call, conversionId, write=True)
    services.conversion_update(conversion=row, description=parse.text_of(call.body.get("text")))
    return wire.uri("conversions", conversionId)


def of_conversion(call: Call, number: int) -> QuerySet[Datapoint]:
    row = entities.conversion(call, number)
    return entities.datapoints(call, call.sight.datapoints().filter(attached__conversion=row))


def conversion_datapoints(call: Call, conversionId: int) -> Json:
    rows = of_conversion(call, conversionId)
    return entities.listed(call, rows, "datapoints", lambda row: wire.datapoint(row, call.sight))


def conversion_datapoints_count(call: Call, conversionId: int) -> Json:
    return entities.counted(of_conversion(call, conversionId))


def patch_one(call: Call, conversion: Conversion, body: Json) -> None:
    row = entities.datapoint(call, whole(body.get("id")), write=True)
    action = parse.action_of(body)
    replaced = whole(body.get("replaceid"))
    old = Conversion.objects.filter(account=call.account, pk=replaced).first() if replaced else None
    if action == "remove":
        services.conversion_detach(conversion=conversion, datapoint=row)
    else:
        services.conversion_attach(conversion=conversion, datapoint=row, replace=old)


def conversion_patch(call: Call, conversionId: int) -> Json:
    """The answer names the conversion."""
    row = entities.conversion(call, conversionId, write=True)
    patch_one(call, row, call.body)
    return wire.uri("conversions", conversionId)


@transaction.atomic
def conversion_patch_batch(call: Call, conversionId: int) -> Json:
    """All or nothing."""
    row = entities.conversion(call, conversionId, write=True)
    given = parse.list_of(call.body.get("patchrequests"))
    if not given:
        raise invalid("PatchRequests", "The batch is empty.")
    for one in given[:100]:
        patch_one(call, row, parse.object_of(one))
    return wire.uri("conversions", conversionId)


# -- domains ------------------------------------------------------------------------------------------------------


def domain_rows(call: Call) -> QuerySet[Domain]:
    from links.addresses import system_domain

    system_domain()
    kind = call.word("type", ("", *DOMAIN_KINDS), "system")
    rows = Domain.objects.filter(Q(account=None) | Q(account=call.account), deleted=None)
    return entities.patterned(rows.filter(kind=DOMAIN_KINDS[kind or "system"]), call.text("name"))


def domain_list(call: Call) -> Json:
    return entities.listed(call, domain_rows(call), "domains", wire.domain)


def domain_count(call: Call) -> Json:
    return entities.counted(domain_rows(call))


def domain_fields(body: Json) -> Json:
    return {
        field: parse.text_of(body[name])
        for name, field in (("custom404", "custom_404"), ("customhomepage", "custom_homepage"))
        if name in body
    }


def domain_create(call: Call) -> Json:
    call.only_master()
    kind = parse.enumerated(call.body.get("type", DomainKind.PERSONAL), "domaintype", "Type")
    name = parse.text_of(call.body.get("name"))
    made = services.domain_create(account=call.account, name=name, kind=kind, **domain_fields(call.body))
    return wire.uri("domains", made.pk)


def domain_get(call: Call, id: int) -> Json:
    return wire.domain(entities.domain(call, id))


def domain_update(call: Call, id: int) -> Json:
    services.domain_update(domain=entities.domain(call, id, write=True), **domain_fields(call.body))
    return wire.uri("domains", id)


def domain_delete(call: Call, id: int) -> Json:
    services.domain_delete(domain=entities.domain(call, id, write=True), now=call.now)
    return wire.uri("domains", id)


# -- retargeting --------------------------------------------------------------------------------------------------


def script_rows(call: Call) -> QuerySet[Script]:
    rows = Script.objects.filter(account=call.account)
    return rows if call.sight.whole else rows.none()


def script_list(call: Call) -> Json:
    return entities.listed(call, script_rows(call), "retargeting", wire.script)


def script_count(call: Call) -> Json:
    return entities.counted(script_rows(call))


def script_create(call: Call) -> Json:
    call.only_master()
    return wire.uri("retargeting", written(call, None).pk)


def written(call: Call, row: Script | None) -> Script:
    name = parse.text_of(call.body.get("name", row.name if row else ""))
    text = parse.text_of(call.body.get("script", row.script if row else ""))
    return services.script_write(account=call.account, script=row, name=name, text=text)


def script_get(call: Call, id: int) -> Json:
    return wire.script(entities.script(call, id))


def script_update(call: Call, id: int) -> Json:
    return wire.uri("retargeting", written(call, entities.script(call, id, write=True)).pk)


def script_delete(call: Call, id: int) -> Json:
    services.script_delete(script=entities.script(call, id, write=True))
    return wire.uri("retargeting", id)


def script_datapoints(call: Call, id: int) -> Json:
    rows = entities.datapoints(call, call.sight.datapoints().filter(scripts=entities.script(call, id)))
    ordered = entities.in_order(call, rows)
    return entities.listed(call, ordered, "datapoints", lambda row: wire.datapoint(row, call.sight), ())


def script_datapoints_count(call: Call, id: int) -> Json:
    rows = call.sight.datapoints().filter(scripts=entities.script(call, id))
    return entities.counted(entities.datapoints(call, rows))
