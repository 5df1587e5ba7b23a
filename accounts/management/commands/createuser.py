"""`manage.py createuser EMAIL`: create a user who can log in, with an account of their own."""

import getpass

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts.management.installation_command import InstallationCommand
from accounts.models import User
from accounts.services import account_create, user_create
from accounts.services.invitations import accounts_adopt


class Command(InstallationCommand):
    help = "Create a user and an account they own. Asks for the password unless --password gives it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="")
        parser.add_argument("--account", default="", help="the account's name (default: the e-mail)")
        parser.add_argument("--password", default="")
        parser.add_argument("--operator", action="store_true", help="may see the installation's own pages")

    def handle(self, *, email: str, name: str, account: str, password: str, operator: bool, **_: object) -> None:
        password = password or getpass.getpass("Password: ")
        try:
            with transaction.atomic():
                first = not User.objects.has_login_user()
                user = user_create(email=email, password=password, name=name, operator=operator or first)
                account_create(name=account or user.email, owner=user)
                if first:
                    accounts_adopt(user=user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"{user.email} can log in.")
