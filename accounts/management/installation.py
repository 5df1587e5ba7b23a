"""Commands that work on an installation which was started before."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


class InstallationCommand(BaseCommand):
    """A command that needs the database's tables as this version has them."""

    requires_migrations_checks = True

    def check_migrations(self) -> None:
        """Raise CommandError where tables are missing, as before the first start and with another DATA_DIR."""
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError(
                f"The database is empty or of an earlier version (DATA_DIR is {settings.DATA_DIR}). Name the DATA_DIR "
                "and DATABASE_URL that the server uses, or start it once, which makes the tables: manage.py serve"
            )
