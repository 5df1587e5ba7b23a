"""`manage.py setuplink`: print the set-up link of a fresh installation, or with --email a link to a new password."""

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from accounts.management.installation_command import InstallationCommand
from accounts.models import User
from accounts.security.password_login import build_reset_path
from accounts.services.invitations import create_setup_link


class Command(InstallationCommand):
    help = "Print the set-up link of an installation without users, or with --email a link to a new password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", help="a user who cannot log in any more")

    def handle(self, *, email: str | None, **_: object) -> None:
        if email:
            self.stdout.write(settings.BASE_URL + build_password_path(email))
            return
        link = create_setup_link(settings.BASE_URL)
        if not link:
            raise CommandError(
                "This installation has users. One of them can choose a new password: setuplink --email YOU@EXAMPLE.COM"
            )
        self.stdout.write(link)


def build_password_path(email: str) -> str:
    """Build the path of the page on which the user sets a new password. Raises CommandError for an unknown address."""
    user = User.objects.filter(email=email).first()
    if user is None:
        raise CommandError(f"There is no user {email}.")
    return build_reset_path(user)
