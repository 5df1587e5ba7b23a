"""`manage.py quota ACCOUNT [EVENTS]`: show or set how many events an account may record in a month."""

from django.core.management.base import CommandError, CommandParser

from accounts.account_limits import get_event_quota
from accounts.management.installation_command import InstallationCommand, find_account
from accounts.services import account_quota_set


class Command(InstallationCommand):
    help = "Show or set how many events an account may record in a month (0 = as many as its plan says)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="its number or its name")
        parser.add_argument("events", nargs="?", type=int)

    def handle(self, *, account: str, events: int | None, **_: object) -> None:
        row = find_account(account)
        if events is not None:
            if events < 0:
                raise CommandError("A quota is 0 or more.")
            account_quota_set(account=row, monthly_events=events)
        number = get_event_quota(row)
        quota = f"{number:,}" if number else "any number of"
        self.stdout.write(f"{row} may record {quota} events a month; {row.events_used:,} were counted.")
