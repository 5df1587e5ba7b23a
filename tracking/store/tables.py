"""The tables of the event store.

On one node each table has its own name. On a cluster that name is a `Distributed` table over `<name>_local` on every
node; rows are placed by `device`, so a device's visits, and all events of a visit, are on one node.

visits   one row per visit, derived by a materialized view. Read it as `FROM visits FINAL` and every column is a plain
         value (FINAL is cheap: merged parts are read as they are, 1.1 million visits in 21 to 66 ms). Never read an
         element of a tuple that way: FINAL would merge the element alone. A visit belongs
         to the moment of its `visit_start`; `hour` is that moment's UTC hour and the sort key, so narrow by it:
         `site_id = … AND hour >= toStartOfHour(start) AND hour < end AND visit_start >= start AND visit_start < end`.
         The source and place of a visit are those of its first event; person, network and screen are those of any
         event that has them; a tag has its latest value. `actions` counts tracking.event.ACTIONS.
identities  one row per visit of an identified person (only sites that send usernames have any). `person_id` is the
         person's number below 2**53, in another range than those of devices.
firsts   `first` = visit_start of a device's first visit.
bots     quarantined events, with the reason.
refusals, received  per site and minute: rejected hits by reason; all received hits.
"""

from __future__ import annotations

from typing import NamedTuple

from tracking.schema import EVENT_COLUMNS, EventColumn


class StoreTable(NamedTuple):
    """One table. `shard` places its rows on a cluster; `input` tables may be inserted into from outside."""

    name: str
    meaning: str
    shard: str = "device"
    input: bool = False
    site: bool = True  # has rows of a site, in `site_id`


TABLES: tuple[StoreTable, ...] = (
    StoreTable("events", "what happened", input=True),
    StoreTable("visits", "one row per visit, derived from events"),
    StoreTable("identities", "which visit belongs to which person, derived from events"),
    StoreTable("firsts", "when a device was first seen, derived from events"),
    StoreTable("bots", "quarantined events of bots", input=True),
    StoreTable("heat", "clicks by position on a page, and scroll depth", input=True),
    StoreTable("refusals", "hits that were not stored, by reason and minute", shard="site_id", input=True),
    StoreTable("received", "received hits, by minute", shard="site_id", input=True),
)


def format_column(column: EventColumn) -> str:
    """Format a column for CREATE TABLE."""
    return f"`{column.name}` {column.type}" + (f" CODEC({column.codec})" if column.codec else "")


def format_event_columns() -> str:
    """Format the columns of `events` for CREATE TABLE."""
    return ",\n    ".join(map(format_column, EVENT_COLUMNS))


def format_event_names() -> str:
    """Format the columns of `events` for SELECT."""
    return ", ".join(f"`{column.name}`" for column in EVENT_COLUMNS)
