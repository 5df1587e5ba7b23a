"""`manage.py quota ACCOUNT [EVENTS]`: show or set how many events an account may record in a month."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.installation_command import InstallationCommand, find_account
from accounts.services import account_quota_set


class Command(InstallationCommand):
    help = "Show or set how many events an account may record in a month (0 = any number)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="its number or its name")
        parser.add_argument("events", nargs="?", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        account = find_account(options["account"])
        if options["events"] is not None:
            if options["events"] < 0:
                raise CommandError("A quota is 0 or more.")
            account_quota_set(account=account, monthly_events=options["events"])
        quota = f"{account.monthly_events:,}" if account.monthly_events else "any number of"
        self.stdout.write(f"{account} may record {quota} events a month; {account.events_used:,} were counted.")
