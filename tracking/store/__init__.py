"""The event store: ClickHouse, in this process (chDB), on a server or on a cluster. Only this package opens it.

Everything is queried in ClickHouse's SQL with server-side `{name:Type}` parameters. Errors are `StoreError`, whose text
is one sentence for a person. The tables are described in `tracking.store.tables`.
"""

from tracking.store.client import StoreResult, close, execute, ping, query, rows, size
from tracking.store.corrections import Selection, erase_events
from tracking.store.errors import BadRows, StoreAway, StoreError
from tracking.store.insert import insert_file, insert_rows
from tracking.store.migrate import is_migrated, migrate, truncate
from tracking.store.move import finish_corrections, quarantine_events, restore_events
from tracking.store.retention import keep_months

__all__ = [
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
    "restore_events",
    "rows",
    "size",
    "truncate",
]
