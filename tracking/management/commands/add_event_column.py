"""`manage.py add_event_column NAME`: write the migration that adds a column of tracking/schema.py to the store."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracking.store import column_migration


class Command(BaseCommand):
    help = "Write the migration of the event store for a new column of tracking/schema.py."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="of the column")

    def handle(self, *, name: str, **_: object) -> None:
        try:
            self.stdout.write(str(column_migration.write_migration(name)))
        except ValueError as error:
            raise CommandError(str(error)) from error
