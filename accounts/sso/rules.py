"""Who logs in through which account's provider, who must, and what such a log-in counts for.

A person is covered by a connection if the domain of their address is one of its verified domains, whether or not they
are a member yet. Members with other addresses log in as everybody else does.
"""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone as clock

from accounts.models import Membership, Role, User
from accounts.sso.models import SLUG_PREFIX, SsoConnection, SsoDomain, SsoLogin
from accounts.validators import normalize_address

SSO_ACCOUNT = "sso_account_id"  # in a session, and attribute of its user: the account whose provider was used
# Where single sign-on is enforced, tokens and keys of a member work this long after the last log-in through the
# provider: so those of people who have left the company end without anybody's doing
KEY_DAYS = 30


def get_domain(address: str) -> str:
    """Return the domain of an e-mail address as verified domains are stored: whatever its spelling, in ASCII."""
    return normalize_address(address).rpartition("@")[2]


def find_connection(slug: str) -> SsoConnection | None:
    """Find a connection by its slug, unless its account is suspended."""
    number = slug.removeprefix(SLUG_PREFIX)
    if not (slug.startswith(SLUG_PREFIX) and number.isascii() and number.isdigit() and len(number) < 18):
        return None
    rows = SsoConnection.objects.filter(account_id=int(number), account__suspended=None)
    return rows.select_related("account").first()


def find_covering_connection(address: str, *, even_suspended: bool = False) -> SsoConnection | None:
    """Find the connection that covers an e-mail address, unless its account is suspended; there is at most one.

    `even_suspended`: one of a suspended account counts, too. Nobody logs in through it, but its people must not take
    another address meanwhile: that would outlive the suspension.
    """
    rows = SsoDomain.objects.filter(domain=get_domain(address), verified__isnull=False)
    if not even_suspended:
        rows = rows.filter(connection__account__suspended=None)
    domain = rows.select_related("connection__account").first()
    return domain.connection if domain else None


def find_enforced_connection(address: str, *, even_suspended: bool = False) -> SsoConnection | None:
    """Find the connection through which the person with this address must log in, if there is one."""
    connection = find_covering_connection(address, even_suspended=even_suspended)
    return connection if connection is not None and connection.enforced else None


def find_required_connection(user: User, *, even_suspended: bool = False) -> SsoConnection | None:
    """Return the connection that is the user's only way in. None for all others, and for the emergency
    owner as long as they own the account."""
    connection = find_enforced_connection(user.email, even_suspended=even_suspended)
    if connection is None or connection.way_back_id != user.pk:
        return connection
    owners = Membership.objects.accepted().filter(account_id=connection.account_id, role=Role.OWNER)
    return None if owners.filter(user=user).exists() else connection


def list_verified_domains(connection: SsoConnection) -> list[str]:
    """List the domains whose people the connection may log in."""
    return list(connection.domains.filter(verified__isnull=False).order_by("domain").values_list("domain", flat=True))


def is_covered(connection: SsoConnection, address: str) -> bool:
    """Whether the connection may log in the person with this address."""
    return connection.domains.filter(domain=get_domain(address), verified__isnull=False).exists()


def has_recent_login(membership: Membership) -> bool:
    """Whether the member logged in through the account's provider in the last KEY_DAYS."""
    recent = SsoLogin.objects.filter(at__gte=clock.now() - timedelta(days=KEY_DAYS))
    return recent.filter(connection__account_id=membership.account_id, user_id=membership.user_id).exists()


def are_keys_ended(membership: Membership) -> bool:
    """Whether a member's tokens and own key do not work: the account enforces single sign-on, and the member has not
    used it in the last KEY_DAYS. `account.sso` should be selected with the membership.
    """
    connection: SsoConnection | None = getattr(membership.account, "sso", None)
    if connection is None or not connection.enforced or membership.pk is None:
        return False
    is_emergency_owner = connection.way_back_id == membership.user_id and membership.role == Role.OWNER
    if is_emergency_owner or not is_covered(connection, membership.user.email):
        return False
    return not has_recent_login(membership)


def is_trusted_by_all(connection: SsoConnection, user: User) -> bool:
    """Whether every account that the user is in has chosen this provider: so its log-in is enough for a user who has a
    second factor, and confirms changes of how they log in.

    The account trusts its own provider. Operators, and members of other accounts, are asked for a factor of their own:
    those accounts have not chosen whoever runs the provider.
    """
    others = Membership.objects.accepted().filter(user=user).exclude(account_id=connection.account_id)
    return not user.is_operator and not others.exists()
