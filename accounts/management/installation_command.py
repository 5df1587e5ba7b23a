"""The base class of commands for an existing installation, and the argument by which they name an account."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from accounts.audit.chain import entries_seal
from accounts.audit.context import build_program_context, use_context
from accounts.audit.models import Via
from accounts.models import Account
from accounts.plans.models import Plan
from accounts.security.secret_key import WrongSecretKey, check_secret_key


class InstallationCommand(BaseCommand):
    """A command that needs a migrated database, and the installation's SECRET_KEY."""

    requires_migrations_checks = True
    checks_secret_key = True

    def execute(self, *args: object, **options: object) -> str | None:
        """Run the command; the audit log names it as the actor, and is sealed, as no server may run that does it."""
        with use_context(build_program_context(Via.COMMAND, f"manage.py {type(self).__module__.rpartition('.')[2]}")):
            output = super().execute(*args, **options)
        entries_seal(now=timezone.now())
        return output

    def check_migrations(self) -> None:
        """Raise CommandError if migrations are missing (before the first start, or with a wrong DATA_DIR), or if
        SECRET_KEY is not the installation's.
        """
        if has_missing_migrations():
            raise CommandError(
                f"The database is empty or of an earlier version (DATA_DIR is {settings.DATA_DIR}). Set DATA_DIR and "
                "DATABASE_URL as for the server, or start the server once, which migrates it: manage.py serve"
            )
        if self.checks_secret_key:
            require_secret_key()


def has_missing_migrations() -> bool:
    """Whether the database lacks migrations of this version."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def require_secret_key() -> None:
    """Raise CommandError if SECRET_KEY is not the installation's."""
    try:
        check_secret_key()
    except WrongSecretKey as error:
        raise CommandError(str(error)) from error


def find_account(text: str) -> Account:
    """Find the account of a number or a name. Raises CommandError unless there is exactly one."""
    rows = Account.objects.filter(pk=int(text)) if text.isdigit() else Account.objects.filter(name=text)
    if len(rows) != 1:
        raise CommandError(f"{len(rows)} accounts are called {text}; give its number.")
    return rows[0]


def find_plan(name: str) -> Plan:
    """Find the plan of a name. Raises CommandError."""
    plan = Plan.objects.filter(name=name).first()
    if plan is None:
        known = ", ".join(Plan.objects.order_by("name").values_list("name", flat=True)) or "none"
        raise CommandError(f"There is no plan “{name}”; there are: {known}. Create one: manage.py plans NAME --create")
    return plan
