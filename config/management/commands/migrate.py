"""`manage.py migrate`: Django's command, by one process at a time."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from accounts.migration_lock import hold_migration_lock


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with hold_migration_lock(options["database"]):
            super().handle(*args, **options)
