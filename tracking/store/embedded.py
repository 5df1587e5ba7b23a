"""The client of chDB. Only here are private members of the driver used, each with what happens without it.

`_backend._summary` describes a result; ours counts the rows that were read instead of those returned, as a server does.
Without it, queries are described by the driver's own count. `_backend._release` closes chDB when a client is collected,
which hangs in a forked child. Without it, the child keeps the clients until its end.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# chDB runs in the web server's process and must stay small. Its caches are shared by all clients.
EMBEDDED_OPTIONS = {
    "mark_cache_size": 32 << 20,
    "index_mark_cache_size": 8 << 20,
    "uncompressed_cache_size": 0,
    "mmap_cache_size": 64,
}


def open_client(directory: Path, settings: dict[str, object]) -> Client:
    """Open a client of the chDB in a directory."""
    import clickhouse_connect

    client: Client = clickhouse_connect.get_client(
        interface="chdb", path=str(directory), settings=settings, chdb_options=EMBEDDED_OPTIONS, tz_mode="aware"
    )
    backend: object = getattr(client, "_backend", None)
    if hasattr(backend, "_summary"):
        backend._summary = summarize_reads
    return client


class EmbeddedResult(Protocol):
    """How much a query of chDB read from tables."""

    def storage_rows_read(self) -> int: ...

    def storage_bytes_read(self) -> int: ...


def summarize_reads(result: EmbeddedResult) -> dict[str, str]:
    """Return how many rows and bytes a query of chDB read from tables."""
    return {"read_rows": str(result.storage_rows_read()), "read_bytes": str(result.storage_bytes_read())}


def detach_client(client: Client) -> None:
    """Let a forked child drop its parent's client without closing chDB."""
    release = getattr(getattr(client, "_backend", None), "_release", None)
    if release is not None:
        release.detach()
