"""The SELECT of each table that is derived from events, for a rebuild after a correction.

The materialized views are created by the migrations; a test compares them with these.

Column names are qualified with `e`, because an alias of the same name would take precedence otherwise.
"""

from __future__ import annotations

from tracking.event import ACTIONS
from tracking.schema import ORIGIN_COLUMNS

IS_VIEW = "e.kind = 'view'"
PLACE_COLUMNS = ("country", "region", "city")
CONSTANT_COLUMNS = (
    "host", "language", "ip", "asn", "organization", "device_type", "device_model", "browser", "browser_version",
    "os", "os_version", "screen",
)  # fmt: skip
CLICK_KINDS = ("click", "outbound", "download")
FIRST_EVENT_RANK = "if(e.ts = e.visit_start, '0', '1')"
PLACE_RANK = f"if(e.country = '', '2', {FIRST_EVENT_RANK})"
SORTABLE_TIME = "leftPad(hex(toUInt64(greatest(0, toUnixTimestamp64Milli(e.ts)))), 12, '0')"


def build_kind_condition(names: tuple[str, ...]) -> str:
    return "e.kind IN (" + ", ".join(f"'{name}'" for name in names) + ")"


def build_first_value(name: str, rank: str) -> str:
    """Return SQL for a value with its rank as the first character: the minimum is the value the visit began with."""
    return f"min(toLowCardinality(concat({rank}, e.{name})))"


def build_visit_columns() -> dict[str, str]:
    """Return every column of `visits` except its key, with the aggregate over the visit's events."""
    return {
        "device": "max(e.device)",
        "visit_start": "min(e.visit_start)",
        "first": "min(e.ts)",
        "last": "max(e.ts)",
        "person": "max(e.person)",
        "entry": f"min(if({IS_VIEW}, concat({SORTABLE_TIME}, e.path), '~'))",
        "exit": f"max(if({IS_VIEW}, concat({SORTABLE_TIME}, e.path), ''))",
        **{f"{name}_": build_first_value(name, FIRST_EVENT_RANK) for name in ORIGIN_COLUMNS},
        **{f"{name}_": build_first_value(name, PLACE_RANK) for name in PLACE_COLUMNS},
        **{name: f"max(e.{name})" for name in CONSTANT_COLUMNS},
        "views": f"countIf({IS_VIEW})",
        "actions": f"countIf({build_kind_condition(ACTIONS)})",
        "events": "countIf(e.kind = 'event')",
        "clicks": f"countIf({build_kind_condition(CLICK_KINDS)})",
        "engaged": "sum(toUInt64(e.engaged))",
        "scroll": "max(e.scroll)",
        "revenue": "sum(toDecimal128(e.revenue, 4))",
        "is_new": "max(e.is_new)",
        "tagged": "maxMap(mapApply((key, value) -> (toString(key), (e.ts, value)), e.tags))",
        "link_id": "max(e.link_id)",
        "group_id": "max(e.group_id)",
        "click_id": "max(e.click_id)",
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
