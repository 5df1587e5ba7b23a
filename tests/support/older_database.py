"""A database of its own as an earlier version left it, to be migrated by a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from config.databases import build_sqlite_settings

ALIAS = "older"


@contextmanager
def database_before(folder: Path, targets: list[tuple[str, str]]) -> Iterator[Any]:
    """An SQLite database migrated to `targets` only; yields the models of that time. Its alias is ALIAS."""
    connections.databases[ALIAS] = {**connections.databases["default"], **build_sqlite_settings(folder / "old.sqlite3")}
    try:
        yield MigrationExecutor(connections[ALIAS]).migrate(targets).apps
    finally:
        connections[ALIAS].close()
        del connections.databases[ALIAS], connections[ALIAS]


def migrate_to_newest() -> None:
    """Run all migrations that are left on that database."""
    executor = MigrationExecutor(connections[ALIAS])
    executor.migrate(executor.loader.graph.leaf_nodes())
