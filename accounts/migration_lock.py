"""A lock around migrations: of several processes that start at the same moment, one migrates and the others wait.

With PostgreSQL it is an advisory lock there, so it holds over machines and ends with the connection of a killed
process. With SQLite the only processes are those of one DATA_DIR, and a lock on a file in it does the same.
"""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections

LOCK_NUMBER = 4_613_062_018  # in PostgreSQL's own namespace of advisory locks; only has to be ours alone
POLL_SECONDS = 0.2
log = logging.getLogger(__name__)
_held = threading.local()


@contextmanager
def hold_migration_lock(alias: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Hold the lock of a database; waits for another process that has it. A thread that holds it may do so again.

    Raises OperationalError if the database cannot be reached.
    """
    aliases: set[str] = _held.__dict__.setdefault("aliases", set())
    if alias in aliases:
        yield
        return
    lock = lock_postgres(alias) if connections[alias].vendor == "postgresql" else lock_file()
    with lock:
        aliases.add(alias)
        try:
            yield
        finally:
            aliases.discard(alias)


@contextmanager
def lock_postgres(alias: str) -> Iterator[None]:
    """Hold PostgreSQL's lock in a transaction on a connection of its own, so that it also works behind a pooler."""
    import psycopg

    try:
        session: psycopg.Connection[object] = psycopg.connect(**connections[alias].get_connection_params())
    except psycopg.OperationalError as error:
        raise OperationalError(str(error)) from error

    def try_lock() -> bool:
        row = session.cursor(row_factory=psycopg.rows.tuple_row).execute(
            "SELECT pg_try_advisory_xact_lock(%s)", [LOCK_NUMBER]
        )
        return bool((row.fetchone() or (False,))[0])

    try:
        wait_for_lock(try_lock)
        yield
    finally:
        session.close()


@contextmanager
def lock_file() -> Iterator[None]:
    """Hold the lock on a file in DATA_DIR."""
    with (settings.DATA_DIR / "migrate.lock").open("a") as file:

        def try_lock() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        wait_for_lock(try_lock)
        yield


def wait_for_lock(try_lock: Callable[[], bool]) -> None:
    """Try until the lock is ours, and log once that another process has it. Migrations take as long as they take."""
    if try_lock():
        return
    log.warning("Another process migrates; this one waits until it has ended.")
    while not try_lock():
        time.sleep(POLL_SECONDS)
