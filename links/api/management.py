"""Datapoints and groups: lists, single ones, batches, quick patches."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models.functions import Lower

from links import belongings, services
from links.addresses import system_domain
from links.api import entities, parse, wire
from links.api.call import Call, whole
from links.api.errors import Failure, forbidden, invalid, missing, rows_of
from links.lookups import find_row, find_rows, find_tags
from links.models import Datapoint, Domain, Kind
from links.models import Group as GroupRow

Json = dict[str, Any]
MOST_BATCH = 100
CLICKMETER_DOMAINS = frozenset({1501, 1597, 1921})  # ids of ClickMeter's own domains, as its clients know them


# -- datapoints ---------------------------------------------------------------------------------------------------


def datapoint_list(call: Call) -> Json:
    rows = entities.in_order(call, entities.datapoints(call))
    return entities.listed(call, rows, "datapoints", lambda rows: wire.datapoints(rows, call.sight), ())


def datapoint_count(call: Call) -> Json:
    return entities.counted(entities.datapoints(call))


def datapoint_get(call: Call, id: int) -> Json:
    return wire.datapoint(entities.datapoint(call, id), call.sight)


def datapoint_create(call: Call) -> Json:
    return wire.uri("datapoints", create(call, call.body, None).pk)


def replace_ids_with_rows(call: Call, fields: Json, row: Datapoint | None = None) -> Json:
    """Replace the ids that a client sent by rows of the caller's scope.

    The present domains of `row` are accepted even outside the scope, since clients send back whole objects. Raises
    ValidationError.
    """
    sight, found = call.sight, dict(fields)
    if row is not None and found.get("domain") == row.domain_id:
        found.pop("domain")
    if "domain" in found:
        found["domain"] = find_domain(call, found["domain"], "domain")
    if number := found.get("go_domain"):
        if row is not None and row.go_domain_id == number:
            found.pop("go_domain")
        else:
            found["go_domain"] = find_domain(call, number, "go_domain")
    if "conversions" in found:
        numbers = [number for number in found["conversions"] if number]
        alive = sight.conversions().filter(deleted=None)
        found["conversions"] = find_rows(alive, numbers, "conversion", "conversions")
    if "scripts" in found:
        found["scripts"] = find_rows(sight.scripts(), found["scripts"], "retargeting script", "scripts")
    if "tags" in found:
        found["tags"] = find_tags(sight, found["tags"])
    return found


def find_domain(call: Call, number: int, field: str) -> Domain:
    """A domain of the caller's scope. Ids of ClickMeter's own domains, which old clients keep as their default, mean
    this installation's domain unless a domain here has that id. Raises ValidationError."""
    rows = call.sight.domains()
    if number in CLICKMETER_DOMAINS and not rows.filter(pk=number).exists():
        return system_domain()
    return find_row(rows, number, "domain", field)


def create(call: Call, body: Json, group: GroupRow | None) -> Datapoint:
    """A new link or pixel for who may write into its group."""
    fields = parse.datapoint_fields(body)
    number = group.pk if group else fields.pop("group", 0)
    fields.pop("group", None)
    home: GroupRow | None = entities.group(call, number, write=True) if number else None
    if home is None and not call.sight.writes:
        raise forbidden()
    if home is not None and home.deleted:
        raise missing("group")
    kind = parse.enumerated(body.get("type", 0), "type", "Type")
    if kind == Kind.LINK and not body.get("typetl"):
        raise invalid("TypeTL", "A tracking link needs typeTL with a url.")
    fields.setdefault("title", parse.text_of(body.get("name")))
    return services.datapoint_create(
        account=call.account,
        group=home,
        kind=kind,
        alias=parse.text_of(body.get("name")),
        **replace_ids_with_rows(call, fields),
    )


def datapoint_update(call: Call, id: int) -> Json:
    return wire.uri("datapoints", update(call, id, call.body).pk)


def update(call: Call, number: int, body: Json) -> Datapoint:
    """Members that are named change; the alias and the domain stay for ever."""
    row = entities.datapoint(call, number, write=True)
    fields = parse.datapoint_fields(body)
    if fields.get("group") == row.group_id:
        fields.pop("group")
    if "group" in fields:
        fields["group"] = entities.group(call, fields["group"], write=True)
    fields = replace_ids_with_rows(call, fields, row)
    if fields.pop("domain", row.domain) != row.domain:
        raise invalid("DomainId", "A link stays on its domain; make another link on the other domain.")
    return services.datapoint_update(datapoint=row, **fields)


def datapoint_delete(call: Call, id: int) -> Json:
    services.datapoint_delete(datapoint=entities.datapoint(call, id, write=True))
    return wire.uri("datapoints", id)


def datapoint_notes(call: Call, id: int) -> Json:
    row = entities.datapoint(call, id, write=True)
    services.datapoint_update(datapoint=row, notes=parse.needed_text(call.body, "text"))
    return wire.uri("datapoints", id)


def datapoint_favourite(call: Call, id: int) -> Json:
    row = entities.datapoint(call, id, write=True)
    services.datapoint_update(datapoint=row, favourite=not row.favourite)
    return wire.uri("datapoints", id)


def batch(call: Call, items: list[Any], one: Any) -> Json:
    """Every item on its own: what fails says why, and the answer is 200 all the same."""
    if not items:
        raise invalid("List", "The batch is empty.")
    if len(items) > MOST_BATCH:
        raise invalid("List", f"A batch has at most {MOST_BATCH} items.")
    results: list[Json] = []
    for item in items:
        try:
            row = one(item if isinstance(item, dict) else {})
        except ValidationError as error:
            results.append({"status": "Error", "errors": rows_of(error)})
        except Failure as error:
            errors = error.errors or [{"property": "Id", "errorMessage": error.message, "code": "0013"}]
            results.append({"status": "Error", "errors": errors})
        else:
            results.append({"status": "Ok", "result": wire.uri("datapoints", row.pk), "entityData": row})
    fill_in_entities(call, results)
    return {"results": results}


def fill_in_entities(call: Call, results: list[Json]) -> None:
    """Add descriptions of the rows that a batch created or changed, read together."""
    numbers = [one["entityData"].pk for one in results if "entityData" in one]
    rows = list(call.sight.datapoints().filter(pk__in=numbers))
    described = dict(zip([row.pk for row in rows], wire.datapoints(rows, call.sight), strict=True))
    for one in results:
        if "entityData" in one:
            one["entityData"] = described.get(one["entityData"].pk, {})


def batch_create(call: Call) -> Json:
    return batch(call, parse.list_of(call.body.get("list")), lambda item: create(call, item, None))


def batch_update(call: Call) -> Json:
    return batch(call, parse.list_of(call.body.get("list")), lambda item: update(call, whole(item.get("id")), item))


def batch_delete(call: Call) -> Json:
    def delete(item: Json) -> Any:
        row = entities.datapoint(call, whole(item.get("id")), write=True)
        services.datapoint_delete(datapoint=row)
        return row

    given = parse.list_of(call.body.get("entities") or call.body.get("list"))
    return batch(call, [one if isinstance(one, dict) else {"id": one} for one in given], delete)


# -- groups -------------------------------------------------------------------------------------------------------


def group_list(call: Call) -> Json:
    rows = entities.groups(call).order_by(Lower("name"), "pk")
    return entities.listed(call, rows, "groups", lambda rows: wire.groups(rows, call.sight), ())


def group_count(call: Call) -> Json:
    return entities.counted(entities.groups(call))


def group_get(call: Call, id: int) -> Json:
    return wire.group(entities.group(call, id), call.sight)


def group_fields(call: Call) -> Json:
    """A group's fields, with tags of the caller's scope. Raises ValidationError."""
    fields = parse.group_fields(call.body)
    return fields | {"tags": find_tags(call.sight, fields["tags"])} if "tags" in fields else fields


def group_create(call: Call) -> Json:
    """For who may write everything, and for guests who may create groups: theirs is then shared with them."""
    allowed = call.sight.membership.options.get("extendedGrants") or {}
    if not call.sight.writes and not allowed.get("allowGroupCreation"):
        raise forbidden()
    fields = {"name": "", **group_fields(call)}
    guest = None if call.sight.writes else call.sight.membership
    made = belongings.group_create(account=call.account, shared_with=guest, **fields)
    return wire.uri("groups", made.pk)


def group_update(call: Call, id: int) -> Json:
    belongings.group_update(group=entities.group(call, id, write=True), **group_fields(call))
    return wire.uri("groups", id)


def group_delete(call: Call, id: int) -> Json:
    belongings.group_delete(group=entities.group(call, id, write=True), now=call.now)
    return wire.uri("groups", id)


def group_notes(call: Call, id: int) -> Json:
    row = entities.group(call, id, write=True)
    belongings.group_update(group=row, notes=parse.needed_text(call.body, "text"))
    return wire.uri("groups", id)


def group_favourite(call: Call, id: int) -> Json:
    row = entities.group(call, id, write=True)
    belongings.group_update(group=row, favourite=not row.favourite)
    return wire.uri("groups", id)


def group_datapoints(call: Call, id: int) -> Json:
    rows = call.sight.datapoints().filter(group=entities.group(call, id))
    ordered = entities.in_order(call, entities.datapoints(call, rows))
    return entities.listed(call, ordered, "datapoints", lambda rows: wire.datapoints(rows, call.sight), ())


def group_datapoints_count(call: Call, id: int) -> Json:
    rows = call.sight.datapoints().filter(group=entities.group(call, id))
    return entities.counted(entities.datapoints(call, rows))


def group_datapoint_create(call: Call, id: int) -> Json:
    return wire.uri("datapoints", create(call, call.body, entities.group(call, id, write=True)).pk)
