"""The event store: ClickHouse, in this process (chDB), on a server or on a cluster. Only this package opens it.

Everything is queried in ClickHouse's SQL with server-side `{name:Type}` parameters. Errors are `StoreError`, whose text
is one sentence for a person.

On one node each table has its own name. On a cluster that name is a `Distributed` table over `<name>_local` on every
node; rows are placed by a slot of `device` (shards.py), so all events of a device, and of a visit, are on one node.

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

from tracking.store.client import (
    StoreResult,
    close,
    execute,
    ping,
    query,
    query_available,
    rows,
    size,
)
from tracking.store.corrections import Selection, erase_events
from tracking.store.data_retention import keep_months
from tracking.store.errors import UNREADABLE, BadRows, StoreAway, StoreError
from tracking.store.insert import insert_file, insert_rows
from tracking.store.migrate import is_migrated, migrate, truncate
from tracking.store.move import finish_corrections, quarantine_events, restore_events

__all__ = [
    "UNREADABLE",
    "BadRows",
    "Selection",
    "StoreAway",
    "StoreError",
    "StoreResult",
    "close",
    "erase_events",
    "execute",
    "finish_corrections",
    "insert_file",
    "insert_rows",
    "is_migrated",
    "keep_months",
    "migrate",
    "ping",
    "quarantine_events",
    "query",
    "query_available",
    "restore_events",
    "rows",
    "size",
    "truncate",
]
