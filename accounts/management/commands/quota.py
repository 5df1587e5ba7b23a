"""`manage.py quota ACCOUNT [EVENTS]`: how many events an account may record in a month; without a number, tell."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.installation import InstallationCommand
from accounts.models import Account
from accounts.services import account_quota_set


class Command(InstallationCommand):
    help = "Show or set how many events an account may record in a month (0 = any number)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="its number or its name")
        parser.add_argument("events", nargs="?", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        account = found(options["account"])
        if options["events"] is not None:
            if options["events"] < 0:
                raise CommandError("A quota is 0 or more.")
            account_quota_set(account=account, monthly_events=options["events"])
        quota = f"{account.monthly_events:,}" if account.monthly_events else "any number of"
        self.stdout.write(f"{account} may record {quota} events a month; {account.events_used:,} were counted.")


def found(text: str) -> Account:
    """The account of a number or a name. Raises CommandError unless there is exactly one."""
    rows = Account.objects.filter(pk=int(text)) if text.isdigit() else Account.objects.filter(name=text)
    if len(rows) != 1:
        raise CommandError(f"{len(rows)} accounts are called {text}; give its number.")
    return rows[0]
