"""Conversions, domains, retargeting scripts."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from links import belongings as services
from links.api import entities, parse, wire
from links.api.call import Call, whole
from links.api.errors import invalid
from links.models import Datapoint, Domain, DomainKind, Script

Json = dict[str, Any]
MAX_PATCHES = 100
DOMAIN_KINDS = {
    "system": DomainKind.SYSTEM,
    "go": DomainKind.GO,
    "personal": DomainKind.PERSONAL,
    "dedicated": DomainKind.DEDICATED,
}


# -- conversions --------------------------------------------------------------------------------------------------


def conversion_list(call: Call) -> Json:
    return entities.listed(call, entities.conversions(call), "conversions", entities.describe_each(wire.conversion))


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
    services.conversion_update(conversion=row, description=parse.needed_text(call.body, "text"))
    return wire.uri("conversions", conversionId)


def of_conversion(call: Call, number: int) -> QuerySet[Datapoint]:
    row = entities.conversion(call, number)
    return entities.datapoints(call, call.sight.datapoints().filter(attached__conversion=row))


def conversion_datapoints(call: Call, conversionId: int) -> Json:
    rows = of_conversion(call, conversionId)
    return entities.listed(call, rows, "datapoints", lambda rows: wire.datapoints(rows, call.sight))


def conversion_datapoints_count(call: Call, conversionId: int) -> Json:
    return entities.counted(of_conversion(call, conversionId))


def conversion_patch(call: Call, conversionId: int) -> Json:
    """The answer names the conversion."""
    row = entities.conversion(call, conversionId, write=True)
    link = entities.datapoint(call, whole(call.body.get("id")), write=True)
    replaced = whole(call.body.get("replaceid"))
    old = entities.conversion(call, replaced) if replaced else None
    if parse.action_of(call.body, ("add", "remove", "replace")) == "remove":
        services.conversion_detach(conversion=row, datapoint=link)
    else:
        services.conversion_attach(conversion=row, datapoint=link, replace=old)
    return wire.uri("conversions", conversionId)


def conversion_patch_batch(call: Call, conversionId: int) -> Json:
    """All or nothing."""
    row = entities.conversion(call, conversionId, write=True)
    given = [parse.object_of(one) for one in parse.list_of(call.body.get("patchrequests"))]
    if not given:
        raise invalid("PatchRequests", "The batch is empty.")
    if len(given) > MAX_PATCHES:
        raise invalid("PatchRequests", f"A batch has at most {MAX_PATCHES} items, not {len(given):,}.")
    changes = [
        (entities.datapoint(call, whole(one.get("id")), write=True), parse.action_of(one) == "add") for one in given
    ]
    services.conversion_patch(conversion=row, changes=changes)
    return wire.uri("conversions", conversionId)


# -- domains ------------------------------------------------------------------------------------------------------


def domain_rows(call: Call) -> QuerySet[Domain]:
    kind = call.word("type", ("", *DOMAIN_KINDS), "system")
    return entities.patterned(call.sight.domains().filter(kind=DOMAIN_KINDS[kind or "system"]), call.text("name"))


def domain_list(call: Call) -> Json:
    return entities.listed(call, domain_rows(call), "domains", entities.describe_each(wire.domain))


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
    kind = kind if kind == DomainKind.DEDICATED else DomainKind.PERSONAL  # as ClickMeter, which takes any type
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


def script_list(call: Call) -> Json:
    return entities.listed(call, call.sight.scripts(), "retargeting", entities.describe_each(wire.script))


def script_count(call: Call) -> Json:
    return entities.counted(call.sight.scripts())


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
    return entities.listed(call, ordered, "datapoints", lambda rows: wire.datapoints(rows, call.sight), ())


def script_datapoints_count(call: Call, id: int) -> Json:
    rows = call.sight.datapoints().filter(scripts=entities.script(call, id))
    return entities.counted(entities.datapoints(call, rows))
