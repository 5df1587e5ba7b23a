"""`manage.py move`: copy an installation to PostgreSQL and ClickHouse, and compare what was copied."""

from __future__ import annotations

import os
from contextlib import ExitStack
from time import monotonic

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import connection

from accounts.management.installation_command import InstallationCommand
from config import database_copy
from config.database_copy import CopyRefused
from config.serving.server import AlreadyServing, hold_serving_lock
from tracking import spool, store
from tracking.store import copying


class Command(InstallationCommand):
    help = "Move from SQLite to PostgreSQL and from chDB to ClickHouse. Stop the server first; nothing is deleted."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        # Passwords in arguments are visible to everybody on the machine, in variables to this user alone
        parser.add_argument("--database", default=os.environ.get("NEW_DATABASE_URL", ""), help="or NEW_DATABASE_URL")
        parser.add_argument("--events", default=os.environ.get("NEW_EVENTS_URL", ""), help="or NEW_EVENTS_URL")
        parser.add_argument("--dry-run", action="store_true", help="check both, and copy nothing")

    def handle(self, *, database: str, events: str, dry_run: bool, **_: object) -> None:
        if not database and not events:
            raise CommandError(
                "Name where to move: --database postgres://user:password@host/name, "
                "--events clickhouse://user:password@host:8123/name, or both."
            )
        try:
            with ExitStack() as stack:
                stack.enter_context(hold_serving_lock(settings.DATA_DIR))
                stack.callback(store.close)
                self.move(database, events, dry_run)
        except AlreadyServing as error:
            raise CommandError(f"Stop the server first, so that nothing changes meanwhile. {error}") from error
        except (CopyRefused, store.StoreError) as error:
            raise CommandError(str(error)) from error

    def move(self, database: str, events: str, dry_run: bool) -> None:
        """Check both new stores before anything is copied to one. Raises CopyRefused and StoreError."""
        store.migrate()
        if events:
            self.insert_waiting_events()
            copying.check_copy(events)
        if database:
            database_copy.check_copy(database)
        if dry_run:
            self.describe(database, events)
            return
        started = monotonic()
        if database:
            rows = database_copy.copy_database(database, self.stdout.write)
            self.stdout.write(f"The database has been copied: {rows} rows, all equal. Set DATABASE_URL to the new one.")
        if events:
            tables = copying.copy_store(events, self.stdout.write)
            rows = sum(table.rows for table in tables)
            self.stdout.write(f"The events have been copied: {rows} rows, all equal. Set EVENTS_URL to the new store.")
        self.stdout.write(f"Moved in {monotonic() - started:.0f} seconds. The old data is unchanged; delete it later.")

    def insert_waiting_events(self) -> None:
        """Insert what waits in the spool, since only the store is copied."""
        spool.start()
        try:
            spool.flush()
        finally:
            spool.stop()

    def describe(self, database: str, events: str) -> None:
        """Print what would be copied."""
        if database:
            for model in database_copy.list_models():
                if rows := database_copy.count_rows(connection, model):
                    self.stdout.write(f"{model._meta.db_table}: {rows} rows")
        if events:
            for table in copying.list_tables():
                self.stdout.write(f"{table.name}: {table.rows} rows")
        self.stdout.write("Nothing was copied (--dry-run).")
