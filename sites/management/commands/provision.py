"""`manage.py provision`: get or create a user, an account, a site and a key, for scripts.

A second run changes nothing and prints the same. The password of an existing user is not changed.
"""

from __future__ import annotations

from json import dumps

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts.management.installation_command import InstallationCommand
from accounts.models import Account, Membership, Role, User
from accounts.services import account_create, is_placeholder, user_create
from sites.models import Site
from sites.services import api_key_provision, site_provision


class Command(InstallationCommand):
    help = "Create a user, an account and a site if they do not exist, and print their ids and keys."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--password", required=True, help="of a new user; an existing user keeps theirs")
        parser.add_argument("--account", required=True, metavar="NAME")
        parser.add_argument("--domain", required=True)
        parser.add_argument("--timezone", default="UTC", help="of a new account and site")
        parser.add_argument("--json", action="store_true", help="print JSON only")

    def handle(
        self, *, email: str, password: str, account: str, domain: str, timezone: str, json: bool, **_: object
    ) -> None:
        try:
            result = provision(email=email, password=password, account_name=account, domain=domain, timezone=timezone)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if json:
            self.stdout.write(dumps(result))
            return
        for part, values in result.items():
            self.stdout.write("\n".join(f"{part}.{name}: {value}" for name, value in values.items()))


@transaction.atomic
def provision(
    *, email: str, password: str, account_name: str, domain: str, timezone: str
) -> dict[str, dict[str, object]]:
    """Get or create everything; returns what the command prints. Raises ValidationError."""
    user = User.objects.filter(email=email).first()
    if user is None or is_placeholder(user):
        user = user_create(email=email, password=password)
    account = find_owned_account(user, account_name) or account_create(name=account_name, owner=user, timezone=timezone)
    site = site_provision(account=account, domain=domain, timezone=timezone)
    return {
        "account": {"id": account.pk, "authkey": account.authkey},
        "site": serialize_site(site),
        "user": {"email": user.email},
    }


def find_owned_account(user: User, name: str) -> Account | None:
    """Find the account of this name that the user owns."""
    owned = Membership.objects.accepted().filter(user=user, role=Role.OWNER)
    return Account.objects.filter(pk__in=owned.values("account"), name=" ".join(name.split())).order_by("pk").first()


def serialize_site(site: Site) -> dict[str, object]:
    """Serialize a site's id and keys; the `ck_` key may read and track."""
    return {
        "site_id": site.pk,
        "sitekey": site.sitekey,
        "sitekey_admin": site.sitekey_admin,
        "api_key": api_key_provision(site=site),
    }
