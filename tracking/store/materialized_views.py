"""The SELECT of each table that is derived from events, for a rebuild after a correction.

The materialized views are created by the migrations; a test compares them with these.

Column names are qualified with `e`, because an alias of the same name would take precedence otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

from tracking.event import ACTIONS
from tracking.schema import EVENT_COLUMNS, VisitValue

IS_VIEW = "e.kind = 'view'"
CLICK_KINDS = ("click", "outbound", "download")
FIRST_EVENT_RANK = "if(e.ts = e.visit_start, '0', '1')"
FIRST_KNOWN_RANK = f"if(e.country = '', '2', {FIRST_EVENT_RANK})"
SORTABLE_TIME = "leftPad(hex(toUInt64(greatest(0, toUnixTimestamp64Milli(e.ts)))), 12, '0')"


def build_kind_condition(names: tuple[str, ...]) -> str:
    return "e.kind IN (" + ", ".join(f"'{name}'" for name in names) + ")"


def build_first_value(name: str, rank: str) -> str:
    """Return SQL for a value with its rank as the first character: the minimum is the value the visit began with."""
    return f"min(toLowCardinality(concat({rank}, e.{name})))"


def build_sum(name: str) -> str:
    """Return SQL for a sum in a type that holds the sum of many."""
    is_amount = EVENT_COLUMNS[name].type.startswith("Decimal")
    return f"sum(toDecimal128(e.{name}, 4))" if is_amount else f"sum(toUInt64(e.{name}))"


# (column of `visits`, SQL of its aggregate) for a column of events. A first value is stored with its rank and a map
# with times; the columns of their names are aliases.
VISIT_EXPRESSIONS: dict[VisitValue, Callable[[str], tuple[str, str]]] = {
    VisitValue.FIRST: lambda name: (f"{name}_", build_first_value(name, FIRST_EVENT_RANK)),
    VisitValue.FIRST_KNOWN: lambda name: (f"{name}_", build_first_value(name, FIRST_KNOWN_RANK)),
    VisitValue.GREATEST: lambda name: (name, f"max(e.{name})"),
    VisitValue.LEAST: lambda name: (name, f"min(e.{name})"),
    VisitValue.SUM: lambda name: (name, build_sum(name)),
    VisitValue.LATEST_PER_KEY: lambda name: (
        "tagged",
        f"maxMap(mapApply((key, value) -> (toString(key), (e.ts, value)), e.{name}))",
    ),
}


def build_visit_columns() -> dict[str, str]:
    """Return every column of `visits` except its key, with the aggregate over the visit's events."""
    return {
        **dict(VISIT_EXPRESSIONS[column.visit](name) for name, column in EVENT_COLUMNS.items() if column.visit),
        "first": "min(e.ts)",
        "last": "max(e.ts)",
        "entry": f"min(if({IS_VIEW}, concat({SORTABLE_TIME}, e.path), '~'))",
        "exit": f"max(if({IS_VIEW}, concat({SORTABLE_TIME}, e.path), ''))",
        "views": f"countIf({IS_VIEW})",
        "actions": f"countIf({build_kind_condition(ACTIONS)})",
        "events": "countIf(e.kind = 'event')",
        "clicks": f"countIf({build_kind_condition(CLICK_KINDS)})",
    }


def visits_select(events: str, where: str = "") -> str:
    """Return the SELECT that derives `visits` from `events`."""
    columns = ",\n    ".join(f"{sql} AS {name}" for name, sql in build_visit_columns().items())
    return (
        f"SELECT e.site_id AS site_id, toStartOfHour(e.visit_start) AS hour, e.visit AS visit,\n    {columns}\n"
        f"FROM {events} AS e WHERE e.visit != 0{where}\nGROUP BY site_id, hour, visit"
    )


def identities_select(events: str, where: str = "") -> str:
    """Return the SELECT that derives `identities` from `events`."""
    return (
        "SELECT e.site_id AS site_id, toStartOfHour(e.visit_start) AS hour, e.visit AS visit,"
        " max(e.device) AS device, max(e.person) AS person\n"
        f"FROM {events} AS e WHERE e.visit != 0 AND e.person != ''{where}\nGROUP BY site_id, hour, visit"
    )


def firsts_select(events: str, where: str = "") -> str:
    """Return the SELECT that derives `firsts` from `events`."""
    return (
        "SELECT e.site_id AS site_id, e.device AS device, min(e.visit_start) AS first\n"
        f"FROM {events} AS e WHERE e.visit != 0{where}\nGROUP BY site_id, device"
    )


SELECTS = {"visits": visits_select, "identities": identities_select, "firsts": firsts_select}


def list_insert_columns(table: str) -> str:
    """Return the columns of an INSERT … SELECT into the table, in the order of its SELECT."""
    if table == "visits":
        return "site_id, hour, visit, " + ", ".join(build_visit_columns())
    return {"identities": "site_id, hour, visit, device, person", "firsts": "site_id, device, first"}[table]
