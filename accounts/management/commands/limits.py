"""`manage.py limits ACCOUNT [NAME=NUMBER …]`: show or change how much an account may have."""

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts.account_limits import LIMITS, get_account_limit
from accounts.management.installation_command import InstallationCommand, find_account, find_plan
from accounts.models import Account
from accounts.services import account_limits_set
from accounts.services.plans import account_plan_set

PLAN_NAME = "plan"  # no limit, but which plan the account has


class Command(InstallationCommand):
    help = "Show or set how much an account may have: sites=5000 monitors=50; NAME=default restores the default."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="its number or its name")
        parser.add_argument("changes", nargs="*", metavar="NAME=NUMBER", help="such as sites=5000 or sites=default")

    def handle(self, *, account: str, changes: list[str], **_: object) -> None:
        row = find_account(account)
        if changes:
            try:
                self.change(row, dict(map(parse_change, changes)))
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from error
        self.write_limits(row)

    @transaction.atomic
    def change(self, account: Account, changes: dict[str, int | str | None]) -> None:
        """Change the account's own limits, and its plan if that is named. Raises ValidationError and CommandError."""
        numbers = {name: value for name, value in changes.items() if name != PLAN_NAME}
        account_limits_set(account=account, changes=numbers)
        if PLAN_NAME in changes:
            name = changes[PLAN_NAME]
            account_plan_set(account=account, plan=None if name is None else find_plan(str(name)))

    def write_limits(self, account: Account) -> None:
        """Write every limit of the account; those that differ from the default name it."""
        self.stdout.write(f"{account} ({account.pk})")
        for name, limit in LIMITS.items():
            own = f" (default: {limit.default:,})" if get_account_limit(account, name) != limit.default else ""
            self.stdout.write(f"  {name}: {get_account_limit(account, name):,} {limit.meaning}{own}")
        if account.plan is not None:
            self.stdout.write(f"  {PLAN_NAME}: {account.plan}")


def parse_change(text: str) -> tuple[str, int | str | None]:
    """Parse the name and value of `sites=5000`, `sites=default` (None) or `plan=Pro`. Raises CommandError."""
    name, is_change, value = text.partition("=")
    if not is_change:
        raise CommandError(f"Write NAME=NUMBER, such as sites=5000, not {text}.")
    if value == "default":
        return name, None
    return name, int(value) if name != PLAN_NAME and value.isascii() and value.isdigit() else value
