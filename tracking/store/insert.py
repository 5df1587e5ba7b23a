"""Insert rows into the store: lines of JSON, from a file or from memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

import orjson

from tracking.store import client
from tracking.store.locks import write_lock
from tracking.store.shards import check_insert
from tracking.store.target import Host, get_target

SETTINGS: dict[str, object] = {
    "date_time_input_format": "best_effort",
    "input_format_skip_unknown_fields": 1,
    "input_format_null_as_default": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "async_insert": 0,
}


def insert_file(path: Path, table: str, token: str) -> None:
    """Insert a file of JSON lines as one block per partition. Inserting the same token again changes nothing.

    Raises StoreError; then a part may have been inserted, and the same file with the same token must be repeated.
    """
    with path.open("rb") as file:
        _insert(file, table, {"insert_deduplication_token": token}, None)


def insert_rows(table: str, rows: Iterable[Mapping[str, object]], *, token: str = "", host: Host | None = None) -> None:
    """Insert dictionaries (imports, tests). Columns left out take their defaults. Raises StoreError."""
    lines = b"\n".join(orjson.dumps(row, default=_plain, option=orjson.OPT_NON_STR_KEYS) for row in rows)
    if lines:
        _insert(lines, table, {"insert_deduplication_token": token} if token else {}, host)


def _insert(block: bytes | BinaryIO, table: str, settings: dict[str, object], host: Host | None) -> None:
    with write_lock, client.client(host) as opened:
        if host is None and (destination := get_target()).cluster:
            check_insert(opened, destination)
        opened.raw_insert(table, insert_block=block, fmt="JSONEachRow", settings={**SETTINGS, **settings})


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in the event store")
