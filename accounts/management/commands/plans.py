"""`manage.py plans [NAME [LIMIT=NUMBER …]]`: list, create, change or delete plans, and give one to accounts."""

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from accounts.account_limits import LIMITS
from accounts.management.installation_command import InstallationCommand, find_account, find_plan
from accounts.plans.models import Plan
from accounts.services.plans import account_plan_set, list_plans, plan_create, plan_delete, plan_update


class Command(InstallationCommand):
    help = "List plans, or create, change, delete or assign one: plans Pro sites=50 monthly_events=1000000 --create"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", help="the plan; without one, all are listed")
        parser.add_argument("limits", nargs="*", metavar="LIMIT=NUMBER", help="such as sites=50 or sites=default")
        parser.add_argument("--create", action="store_true", help="create the plan")
        parser.add_argument("--delete", action="store_true", help="delete the plan, which no account may have")
        parser.add_argument("--description", help="what its customers read about it")
        parser.add_argument("--account", action="append", default=[], help="give the plan to this account; may repeat")
        parser.add_argument("--remove-from", action="append", default=[], help="take the plan from this account")

    def handle(
        self, *, name: str | None, limits: list[str], create: bool, delete: bool, description: str | None,
        account: list[str], remove_from: list[str], **_: object,
    ) -> None:  # fmt: skip
        if name is None:
            for plan in list_plans():
                self.write_plan(plan)
            return
        changes = dict(map(parse_limit, limits))
        try:
            if create:
                plan = plan_create(name=name, description=description or "", limits=changes)
            else:
                plan = plan_update(plan=find_plan(name), description=description, limits=changes)
            for text in account:
                account_plan_set(account=find_account(text), plan=plan)
            for text in remove_from:
                self.remove(plan, text)
            if delete:
                plan_delete(plan=plan)
                return
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.write_plan(plan)

    def remove(self, plan: Plan, account: str) -> None:
        """Take the plan from an account. Raises CommandError for an account that has another one."""
        row = find_account(account)
        if row.plan_id != plan.pk:
            raise CommandError(f"{row} does not have the plan {plan}.")
        account_plan_set(account=row, plan=None)

    def write_plan(self, plan: Plan) -> None:
        """Write a plan with its limits and the number of its accounts."""
        self.stdout.write(f"{plan} (accounts: {plan.accounts.count()}) {plan.description}".rstrip())
        for name, value in plan.limits.items():
            self.stdout.write(f"  {name}: {value:,} {LIMITS[name].meaning}")


def parse_limit(text: str) -> tuple[str, int | None]:
    """Parse the name and value of `sites=50`, or `sites=default` (None). Raises CommandError."""
    name, _, value = text.partition("=")
    if value == "default":
        return name, None
    if not (value.isascii() and value.isdigit()):
        raise CommandError(f"Write LIMIT=NUMBER, such as sites=50, not {text}.")
    return name, int(value)
