"""Find one person's data: visits, rows and devices."""

from __future__ import annotations

from collections.abc import Iterator

from tracking.store import client

# How a person can be found: conditions over rows of events and bots
CONDITIONS = {
    "ip": "ip = {value:String}",
    "visitor": "device = {number:UInt64}",
    "username": "(person = {value:String} OR tags['username'] = {value:String})",
}
TAG_CONDITION = "tags[{key:String}] = {value:String}"
TABLES = ("events", "bots")
MAX_VISITS_PER_QUERY = 50_000


def build_condition(by: str, value: str) -> tuple[str, dict[str, object]]:
    """Return the condition of a person and its parameters. `by`: "ip", "visitor", "username" or "tag:<key>".

    Raises ValueError with a sentence for any other `by`, and for a visitor that is not a number.
    """
    if by.startswith("tag:") and len(by) > 4:
        return TAG_CONDITION, {"key": by[4:], "value": value}
    if by not in CONDITIONS:
        raise ValueError("“by” is ip, visitor, username or tag:<key>.")
    if by == "visitor" and not (value.isascii() and value.isdigit() and int(value) < 2**63):
        raise ValueError("“value” is the visitor's number.")
    return CONDITIONS[by], {"number": int(value)} if by == "visitor" else {"value": value}


def find_visits(site_id: int, by: str, value: str) -> list[int]:
    """Return the ids of the person's visits in the store, without those in the spool. Raises ValueError."""
    where, params = build_condition(by, value)
    sql = " UNION DISTINCT ".join(
        f"SELECT DISTINCT visit FROM {table} WHERE site_id = {{site:UInt64}} AND {where}" for table in TABLES
    )
    return sorted(int(row["visit"]) for row in client.rows(sql, {"site": site_id, **params}))


def read_rows(site_id: int, visits: list[int]) -> Iterator[client.StoreRow]:
    """Yield every stored row of the visits, oldest first, each with its `table` and without empty columns."""
    for table in (*TABLES, "heat"):
        sql = f"SELECT * FROM {table} WHERE site_id = {{site:UInt64}} AND visit IN {{visits:Array(UInt64)}} ORDER BY ts"
        for start in range(0, len(visits), MAX_VISITS_PER_QUERY):
            params = {"site": site_id, "visits": visits[start : start + MAX_VISITS_PER_QUERY]}
            for row in client.rows(sql, params):
                yield {"table": table, **{name: value for name, value in row.items() if value not in ("", 0, {}, None)}}


def has_events(site_id: int, column: str, number: int) -> bool:
    """Return whether the site has an event, of people or bots, with this number in `column` ("device" or "visit")."""
    if not 0 <= number < 2**63:
        return False
    sql = " UNION ALL ".join(
        f"SELECT 1 FROM {table} WHERE site_id = {{site:UInt64}} AND {column} = {{number:UInt64}}" for table in TABLES
    )
    return bool(client.rows(f"{sql} LIMIT 1", {"site": site_id, "number": number}))


def list_devices_of_visit(site_id: int, visit: int) -> list[int]:
    """Return the devices of a visit: one, or none for an unknown visit."""
    sql = "SELECT DISTINCT device FROM events WHERE site_id = {site:UInt64} AND visit = {visit:UInt64}"
    return [int(row["device"]) for row in client.rows(sql, {"site": site_id, "visit": visit})]


def list_quarantined_devices(site_id: int, reason: str, user_agent: str, organization: str, limit: int) -> list[int]:
    """Return the devices quarantined for a reason under a user agent and a network, the latest first."""
    sql = (
        "SELECT device FROM bots WHERE site_id = {site:UInt64} AND reason = {reason:String}"
        " AND user_agent = {agent:String} AND organization = {network:String}"
        " GROUP BY device ORDER BY max(ts) DESC LIMIT {limit:UInt32}"
    )
    params = {"site": site_id, "reason": reason, "agent": user_agent, "network": organization, "limit": limit}
    return [int(row["device"]) for row in client.rows(sql, params)]
