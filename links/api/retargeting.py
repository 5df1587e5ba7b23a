"""Operations on retargeting scripts."""

from __future__ import annotations

from typing import Any

from links import belongings as services
from links.api import entities, parse, wire
from links.api.call import ApiRequest
from links.models import Script

Json = dict[str, Any]


def script_list(request: ApiRequest) -> Json:
    return entities.list_page(
        request, request.scope.scripts(), "retargeting", entities.serialize_each(wire.serialize_script)
    )


def script_count(request: ApiRequest) -> Json:
    return entities.count_rows(request.scope.scripts())


def script_create(request: ApiRequest) -> Json:
    request.require_manager()
    return wire.build_reference("retargeting", write_script(request, None).pk)


def write_script(request: ApiRequest, row: Script | None) -> Script:
    name = parse.parse_text(request.body.get("name", row.name if row else ""))
    text = parse.parse_text(request.body.get("script", row.script if row else ""))
    return services.script_write(account=request.account, script=row, name=name, text=text)


def script_get(request: ApiRequest, id: int) -> Json:
    return wire.serialize_script(entities.find_script(request, id))


def script_update(request: ApiRequest, id: int) -> Json:
    return wire.build_reference("retargeting", write_script(request, entities.find_script(request, id, write=True)).pk)


def script_delete(request: ApiRequest, id: int) -> Json:
    services.script_delete(script=entities.find_script(request, id, write=True))
    return wire.build_reference("retargeting", id)


def script_datapoints(request: ApiRequest, id: int) -> Json:
    rows = entities.filter_datapoints(
        request, request.scope.datapoints().filter(scripts=entities.find_script(request, id))
    )
    ordered = entities.order_datapoints(request, rows)
    return entities.list_page(
        request, ordered, "datapoints", lambda rows: wire.serialize_datapoints(rows, request.scope), ()
    )


def script_datapoints_count(request: ApiRequest, id: int) -> Json:
    rows = request.scope.datapoints().filter(scripts=entities.find_script(request, id))
    return entities.count_rows(entities.filter_datapoints(request, rows))
