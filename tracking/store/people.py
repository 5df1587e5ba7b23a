"""One person's data: where it lies, by what is known of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tracking.store import session

# What a person can be found by, as a condition over rows of events and bots
CONDITIONS = {
    "ip": "ip = {value:String}",
    "visitor": "device = {number:UInt64}",
    "username": "(person = {value:String} OR tags['username'] = {value:String})",
}
BY_TAG = "tags[{key:String}] = {value:String}"
ALL = ("events", "bots")
EXPORT_AT_ONCE = 50_000


def condition(by: str, value: str) -> tuple[str, dict[str, Any]]:
    """The condition of a person and its parameters. `by`: "ip", "visitor", "username" or "tag:<key>".

    Raises ValueError with a sentence for anything else, and for a visitor that is no number.
    """
    if by.startswith("tag:") and len(by) > 4:
        return BY_TAG, {"key": by[4:], "value": value}
    if by not in CONDITIONS:
        raise ValueError("Look by ip, visitor, username, or tag:<key>.")
    if by == "visitor" and not (value.isascii() and value.isdigit() and int(value) < 2**63):
        raise ValueError("A visitor is named by a number.")
    return CONDITIONS[by], {"number": int(value)} if by == "visitor" else {"value": value}


def visits_of(site_id: int, by: str, value: str) -> list[int]:
    """The numbers of the person's visits, those of the spool not included. Raises ValueError."""
    where, params = condition(by, value)
    sql = " UNION DISTINCT ".join(
        f"SELECT DISTINCT visit FROM {table} WHERE site_id = {{site:UInt64}} AND {where}" for table in ALL
    )
    return sorted(int(row["visit"]) for row in session.rows(sql, {"site": site_id, **params}))


def rows_of(site_id: int, visits: list[int]) -> Iterator[dict[str, Any]]:
    """Everything kept of some visits, oldest first, each row with its `table`; empty columns left out."""
    for table in (*ALL, "heat"):
        sql = f"SELECT * FROM {table} WHERE site_id = {{site:UInt64}} AND visit IN {{visits:Array(UInt64)}} ORDER BY ts"
        for start in range(0, len(visits), EXPORT_AT_ONCE):
            part = {"site": site_id, "visits": visits[start : start + EXPORT_AT_ONCE]}
            for row in session.rows(sql, part):
                yield {"table": table, **{name: value for name, value in row.items() if value not in ("", 0, {}, None)}}


def has_events(site_id: int, column: str, number: int) -> bool:
    """Whether the site has an event with this id in `column` ("device" or "visit"), of people or of bots."""
    if not 0 <= number < 2**63:
        return False
    found = " UNION ALL ".join(
        f"SELECT 1 FROM {table} WHERE site_id = {{site:UInt64}} AND {column} = {{number:UInt64}}" for table in ALL
    )
    return bool(session.rows(f"{found} LIMIT 1", {"site": site_id, "number": number}))


def devices_of_visit(site_id: int, visit: int) -> list[int]:
    """The devices of a visit: one, or none when nobody knows it."""
    sql = "SELECT DISTINCT device FROM events WHERE site_id = {site:UInt64} AND visit = {visit:UInt64}"
    return [int(row["device"]) for row in session.rows(sql, {"site": site_id, "visit": visit})]


def devices_apart(site_id: int, reason: str, user_agent: str, organization: str, limit: int) -> list[int]:
    """The devices that were set apart for a reason under a name, the latest first."""
    sql = (
        "SELECT device FROM bots WHERE site_id = {site:UInt64} AND reason = {reason:String}"
        " AND user_agent = {agent:String} AND organization = {network:String}"
        " GROUP BY device ORDER BY max(ts) DESC LIMIT {limit:UInt32}"
    )
    given = {"site": site_id, "reason": reason, "agent": user_agent, "network": organization, "limit": limit}
    return [int(row["device"]) for row in session.rows(sql, given)]
