"""The event store: ClickHouse, in this process (chDB), on a server or on a cluster. Only this package opens it.

Everything is queried in ClickHouse's SQL with server-side `{name:Type}` parameters. Errors are `StoreError`, whose text
is one sentence for a person. The tables are described in `tracking.store.tables`.
"""

from tracking.store.correct import Selection, erase
from tracking.store.errors import BadRows, StoreAway, StoreError
from tracking.store.insert import insert_file, insert_rows
from tracking.store.migrate import is_migrated, migrate, truncate
from tracking.store.move import bring_back, finish, set_apart
from tracking.store.retention import keep_months
from tracking.store.session import StoreResult, close, execute, ping, query, rows, size

__all__ = [
    "BadRows",
    "Selection",
    "StoreAway",
    "StoreError",
    "StoreResult",
    "bring_back",
    "close",
    "erase",
    "execute",
    "finish",
    "insert_file",
    "insert_rows",
    "is_migrated",
    "keep_months",
    "migrate",
    "ping",
    "query",
    "rows",
    "set_apart",
    "size",
    "truncate",
]
