"""What the tables made from events say, as one SELECT each: the materialized views use it, and so does a rebuild.

Column names are qualified with `e`, because an alias of the same name would win otherwise.
"""

from __future__ import annotations

from tracking.hit import ACTIONS

VIEW = "e.kind = 'view'"
ORIGIN = (
    "referrer", "referrer_domain", "source", "channel", "search_term",
    "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term",
)  # fmt: skip
PLACE = ("country", "region", "city")
ANY = (
    "host", "language", "ip", "asn", "organization", "device_type", "device_model", "browser", "browser_version",
    "os", "os_version", "screen",
)  # fmt: skip
CLICKS = ("click", "outbound", "download")
WORD = "LowCardinality(String)"
RANK = "if(e.ts = e.visit_start, '0', '1')"
PLACE_RANK = f"if(e.country = '', '2', {RANK})"
MOMENT = "leftPad(hex(toUInt64(greatest(0, toUnixTimestamp64Milli(e.ts)))), 12, '0')"


def one_of(names: tuple[str, ...]) -> str:
    return "e.kind IN (" + ", ".join(f"'{name}'" for name in names) + ")"


def ranked(name: str, rank: str) -> str:
    """A word with one character before it, so that the smallest is the one the visit began with."""
    return f"min(toLowCardinality(concat({rank}, e.{name})))"


def visit_columns() -> dict[str, str]:
    """Every column of `visits` below its key, with the aggregate that makes it from a visit's events."""
    return {
        "device": "max(e.device)",
        "visit_start": "min(e.visit_start)",
        "first": "min(e.ts)",
        "last": "max(e.ts)",
        "person": "max(e.person)",
        "entry": f"min(if({VIEW}, concat({MOMENT}, e.path), '~'))",
        "exit": f"max(if({VIEW}, concat({MOMENT}, e.path), ''))",
        **{f"{name}_": ranked(name, RANK) for name in ORIGIN},
        **{f"{name}_": ranked(name, PLACE_RANK) for name in PLACE},
        **{name: f"max(e.{name})" for name in ANY},
        "views": f"countIf({VIEW})",
        "actions": f"countIf({one_of(ACTIONS)})",
        "events": "countIf(e.kind = 'event')",
        "clicks": f"countIf({one_of(CLICKS)})",
        "engaged": "sum(toUInt64(e.engaged))",
        "scroll": "max(e.scroll)",
        "revenue": "sum(toDecimal128(e.revenue, 4))",
        "is_new": "max(e.is_new)",
        "tagged": "maxMap(mapApply((key, value) -> (toString(key), (e.ts, value)), e.tags))",
        "link_id": "max(e.link_id)",
        "group_id": "max(e.group_id)",
        "click_id": "max(e.click_id)",
    }


def visit_aliases() -> dict[str, tuple[str, str]]:
    """Columns of `visits` that are read out of others: name -> (type, SQL)."""
    return {
        "entry_page": ("String", "substring(entry, 13)"),
        "exit_page": ("String", "substring(exit, 13)"),
        **{name: (WORD, f"substring({name}_, 2)") for name in ORIGIN + PLACE if name != "referrer"},
        "referrer": ("String", "substring(referrer_, 2)"),
        "tags": ("Map(String, String)", "mapApply((key, told) -> (key, told.2), tagged)"),
    }


def visits_select(events: str, where: str = "") -> str:
    """SELECT that makes rows of `visits` from rows of `events`."""
    columns = ",\n    ".join(f"{sql} AS {name}" for name, sql in visit_columns().items())
    return (
        f"SELECT e.site_id AS site_id, toStartOfHour(e.visit_start) AS hour, e.visit AS visit,\n    {columns}\n"
        f"FROM {events} AS e WHERE e.visit != 0{where}\nGROUP BY site_id, hour, visit"
    )


def identities_select(events: str, where: str = "") -> str:
    """SELECT that makes rows of `identities` from rows of `events`."""
    return (
        "SELECT e.site_id AS site_id, toStartOfHour(e.visit_start) AS hour, e.visit AS visit,"
        " max(e.device) AS device, max(e.person) AS person\n"
        f"FROM {events} AS e WHERE e.visit != 0 AND e.person != ''{where}\nGROUP BY site_id, hour, visit"
    )


def firsts_select(events: str, where: str = "") -> str:
    """SELECT that makes rows of `firsts` from rows of `events`."""
    return (
        "SELECT e.site_id AS site_id, e.device AS device, min(e.visit_start) AS first\n"
        f"FROM {events} AS e WHERE e.visit != 0{where}\nGROUP BY site_id, device"
    )


SELECTS = {"visits": visits_select, "identities": identities_select, "firsts": firsts_select}


def columns_of(table: str) -> str:
    """The columns an INSERT … SELECT of that table names, in the order of its SELECT."""
    if table == "visits":
        return "site_id, hour, visit, " + ", ".join(visit_columns())
    return {"identities": "site_id, hour, visit, device, person", "firsts": "site_id, device, first"}[table]
