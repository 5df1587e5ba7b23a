"""Operations on retargeting scripts."""

from __future__ import annotations

from links.clickmeter import parsers, selectors, serializers
from links.clickmeter.api_request import ApiRequest, Json
from links.models import Script
from links.services import scripts_and_lists as services


def script_list(request: ApiRequest) -> Json:
    return selectors.list_page(
        request, request.scope.scripts(), "retargeting", selectors.serialize_each(serializers.serialize_script)
    )


def script_count(request: ApiRequest) -> Json:
    return selectors.count_rows(request.scope.scripts())


def script_create(request: ApiRequest) -> Json:
    request.require_manager()
    return serializers.build_reference("retargeting", write_script(request, None).pk)


def write_script(request: ApiRequest, row: Script | None) -> Script:
    name = parsers.parse_text(request.body.get("name", row.name if row else ""))
    text = parsers.parse_text(request.body.get("script", row.script if row else ""))
    return services.script_write(account=request.account, script=row, name=name, text=text)


def script_get(request: ApiRequest, id: int) -> Json:
    return serializers.serialize_script(selectors.find_script(request, id))


def script_update(request: ApiRequest, id: int) -> Json:
    return serializers.build_reference(
        "retargeting", write_script(request, selectors.find_script(request, id, may="edit")).pk
    )


def script_delete(request: ApiRequest, id: int) -> Json:
    services.script_delete(script=selectors.find_script(request, id, may="edit"))
    return serializers.build_reference("retargeting", id)


def script_datapoint_list(request: ApiRequest, id: int) -> Json:
    rows = selectors.filter_datapoints(
        request, request.scope.datapoints().filter(scripts=selectors.find_script(request, id))
    )
    ordered = selectors.order_datapoints(request, rows)
    return selectors.list_datapoints(request, ordered)


def script_datapoints_count(request: ApiRequest, id: int) -> Json:
    rows = request.scope.datapoints().filter(scripts=selectors.find_script(request, id))
    return selectors.count_rows(selectors.filter_datapoints(request, rows))
