"""Which calls of a ClickMeter operation are recorded: valid ones, invalid ones, and those of a stranger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from links.clickmeter.operations import Operation
from links.clickmeter.top_reports import CONVERSION_REPORTS
from tests.contract.clickmeter_world import FULL, fill_body
from tests.links.clickmeter.test_operations import filled
from tests.support.clickmeter_fields import list_query_parameters

NOWHERE, NO_CODE, NONSENSE = 987_654_321, "0" * 32, "nonsense"
NUMBERS = ("{id}", "{tagId}", "{conversionId}", "{guestId}")


class ClickMeterCall(NamedTuple):
    """One call: `who` is "master", "stranger" or "unknown key"."""

    who: str
    path: str
    body: Any = None


def list_calls(operation: Operation, world: dict[str, Any]) -> Iterator[tuple[str, ClickMeterCall]]:
    """The calls of an operation by name; `world` has the rows that good calls name."""
    path, text = filled(operation, world)
    body = json.loads(text) if text else None
    yield "good", ClickMeterCall("master", path, body)
    for name, other in list_more_good_calls(operation, path):
        yield f"good, {name}", ClickMeterCall("master", other)
    for name, full in FULL.get((operation.method, operation.path), {}).items():
        yield f"good, {name}", ClickMeterCall("master", path, fill_body(full, world))
    yield from list_bad_calls(operation, path, body)
    yield "stranger", ClickMeterCall("stranger", path, body)
    yield "unknown key", ClickMeterCall("unknown key", path, body)


def list_more_good_calls(operation: Operation, path: str) -> Iterator[tuple[str, str]]:
    """Other good readings: whole objects, other time frames and groupings, every report."""
    plain, sign = path.partition("?")[0], "&" if "?" in path else "?"
    if operation.method != "GET":
        return
    if "_expand" in list_query_parameters(operation) or returns_list(operation):
        yield "whole objects", f"{path}{sign}_expand=true"
    if plain.endswith("aggregated/list"):
        yield "weeks", f"{path}&groupBy=week"
        yield "months", f"{plain}?timeFrame=last90&groupBy=month"
    elif "aggregated" in plain:
        yield "hours", f"{plain}?timeFrame=today&hourly=true"
        yield "a day without hits", f"{plain}?timeFrame=custom&fromDay=20200101&toDay=20200102"
    elif operation.path == "/conversions/{conversionId}/reports":
        for kind in CONVERSION_REPORTS:
            yield kind, f"{plain}?type={kind}&timeframe=today"
    elif plain.endswith("reports"):
        yield "browsers", f"{plain}?type=browsers&timeframe=today"
    elif plain.endswith("hits"):
        yield "one by one", f"{plain}?timeframe=beginning&limit=1"


def returns_list(operation: Operation) -> bool:
    """Whether the operation gives {entities: […]}."""
    last = operation.path.rpartition("/")[2]
    return last in ("datapoints", "groups", "tags", "conversions", "domains", "retargeting", "guests", "permissions")


def list_bad_calls(operation: Operation, path: str, body: Any) -> Iterator[tuple[str, ClickMeterCall]]:
    """An address that names nothing, an empty body, a body of wrong types, and parameters that make no sense."""
    if "{" in operation.path:
        yield "bad, names nothing", ClickMeterCall("master", name_nothing(operation, path), body)
        yield "bad, no number", ClickMeterCall("master", name_nothing(operation, path, NONSENSE), body)
    if body is not None:
        yield "bad, empty body", ClickMeterCall("master", path, {})
        yield "bad, wrong types", ClickMeterCall("master", path, swap_types(body))
        yield "bad, broken JSON", ClickMeterCall("master", path, '{"name": ')
    if operation.method == "GET" and (names := list_query_parameters(operation)):
        told = "&".join(f"{name}={NONSENSE}" for name in dict.fromkeys(names))
        yield "bad, parameters", ClickMeterCall("master", f"{path.partition('?')[0]}?{told}")


def name_nothing(operation: Operation, path: str, number: object = NOWHERE) -> str:
    """The address with a number or code that nothing has."""
    parts = path.partition("?")
    words = parts[0].split("/")
    for place, word in enumerate(operation.path.split("/")):
        if word in NUMBERS:
            words[place] = str(number)
        elif word.startswith("{") and "list" in word:
            words[place] = NO_CODE if number == NOWHERE else str(number)
        elif word == "{type}" and number != NOWHERE:
            words[place] = str(number)
    return "/".join(words) + parts[1] + parts[2]


def swap_types(value: Any) -> Any:
    """The body with objects instead of texts and numbers, and texts instead of objects and lists."""
    if isinstance(value, dict):
        return {name: {"a": 1} if isinstance(one, str | int) else NONSENSE for name, one in value.items()}
    return NONSENSE
