"""Writes of single sign-on: an account's connection to its provider, log-ins through it, and refusals."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlsplit

from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from accounts.audit.context import build_user_actor
from accounts.audit.recording import read_fields, record_action, record_change
from accounts.audit.repetition import record_repeatable
from accounts.host_names import format_host
from accounts.models import Account, Membership, Role, User
from accounts.permissions import has_second_factor
from accounts.security.rate_limits import AUDIT_CACHE_NAME, RateLimit
from accounts.services.accounts import account_create
from accounts.services.members import check_seat_limit, member_role_store
from accounts.services.sessions import sessions_end
from accounts.services.sso_former_members import REMOVED, find_role_to_join, former_member_forget
from accounts.sso.models import NEW_MEMBER_ROLES, SsoConnection, SsoLogin
from accounts.sso.rules import find_required_connection, get_domain, list_verified_domains
from accounts.validators import shorten_name

MAX_REASON = 300
REFUSALS = RateLimit("audit-sso", 10, 3600, AUDIT_CACHE_NAME)  # of one connection, by its provider or another way


def clean_issuer(text: str) -> str:
    """Return a provider's address without the discovery path. Raises ValidationError for what is no http or https
    address.

    The client that sends the requests reaches only public addresses and those in ALLOWED_OUTBOUND.
    """
    address = text.strip().partition("/.well-known/")[0]
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query
    except ValueError:
        is_address = False
    if not is_address or len(address) > 300:
        raise ValidationError({"issuer": "Enter the provider's address, such as https://login.example.com."})
    return address


@transaction.atomic
def sso_connection_set(
    *, account: Account, issuer: str, client_id: str, client_secret: str | None, default_role: str
) -> SsoConnection:
    """Store an account's connection; a secret of None stays as it is. Raises ValidationError.

    With another provider, the identities of people at the old one are forgotten: the new one may give the same names
    to other people.
    """
    if default_role not in NEW_MEMBER_ROLES:
        raise ValidationError({"default_role": "New members can be administrators, editors or viewers."})
    if not client_id.strip():
        raise ValidationError({"client_id": "Enter the client id that the provider gave you."})
    connection = SsoConnection.objects.filter(account=account).first() or SsoConnection(account=account)
    before, is_new = read_fields(connection), connection.pk is None
    cleaned = clean_issuer(issuer)
    if connection.issuer and connection.issuer != cleaned:
        _forget_identities(connection)
    connection.issuer, connection.client_id, connection.default_role = cleaned, client_id.strip(), default_role
    if client_secret is not None:
        connection.client_secret = client_secret
    connection.save()
    if is_new:
        record_action("sso.created", connection)
    else:
        record_change("sso.changed", connection, before)
    return connection


@transaction.atomic
def sso_connection_delete(*, connection: SsoConnection) -> None:
    """Delete a connection with its domains: people log in as they did before."""
    record_action("sso.deleted", connection)
    _forget_identities(connection)
    connection.delete()


def _forget_identities(connection: SsoConnection) -> None:
    SocialAccount.objects.filter(provider=connection.slug).delete()
    connection.logins.all().delete()


@transaction.atomic
def sso_enforce(*, connection: SsoConnection, enforced: bool, way_back: User | None, keep: str = "") -> None:
    """Let people of the account's domains log in through the provider only, but for the emergency owner, `way_back`; or
    no longer.

    Their sessions end, but for the one with the key `keep`; those of the emergency owner until now, too. Raises
    ValidationError without a verified domain, before anybody has logged in through the provider, and if `way_back` is
    no owner with a password and a second factor.
    """
    if enforced:
        _check_can_enforce(connection, way_back)
    before, former = read_fields(connection), connection.way_back
    connection.enforced, connection.way_back = enforced, way_back if enforced else None
    connection.save(update_fields=["enforced", "way_back"])
    record_change("sso.changed", connection, before)
    if enforced and not before.get("enforced"):
        covered_sessions_end(connection=connection, keep=keep)
    elif former is not None and find_required_connection(former) is not None:
        sessions_end(user=former, keep=keep)


def _check_can_enforce(connection: SsoConnection, way_back: User | None) -> None:
    if not list_verified_domains(connection):
        raise ValidationError("Verify an e-mail domain first.")
    if not connection.logins.exists():
        raise ValidationError("Log in through the provider once first, so that you know that it works.")
    owners = Membership.objects.accepted().filter(account=connection.account, role=Role.OWNER)
    if way_back is None or not owners.filter(user=way_back, user__is_active=True).exists():
        raise ValidationError({"way_back": "Choose an owner who can still log in when the provider fails."})
    if not has_second_factor(way_back) or not way_back.has_usable_password():
        raise ValidationError({"way_back": f"{way_back} needs a password and a second factor first."})


@transaction.atomic
def covered_sessions_end(*, connection: SsoConnection, domain: str = "", keep: str = "") -> None:
    """End the sessions (but the one with the key `keep`) of the people whom an enforced connection covers now (of all
    its domains, or of one): they may not have come through the provider.

    Those of the emergency owner stay, if they could log in without it.
    """
    users = list_covered_users([domain] if domain else list_verified_domains(connection))
    way_back = connection.way_back
    if way_back is not None and find_required_connection(way_back) is None and has_second_factor(way_back):
        users = users.exclude(pk=way_back.pk)
    for user in users:
        sessions_end(user=user, keep=keep)


def list_covered_users(domains: Iterable[str]) -> QuerySet[User]:
    """Select the users whose address lies in one of the domains, or in its Unicode spelling, which the upgrade to one
    spelling left where another user had the same address."""
    users = User.objects.none()
    for spelling in {spelling for domain in domains for spelling in (domain, format_host(domain))}:
        users = users | User.objects.filter(email__endswith=f"@{spelling}")
    return users


@transaction.atomic
def sso_login_record(*, connection: SsoConnection, user: User, now: datetime) -> Membership | None:
    """Make the user who came through the provider a member, if they are none yet, and record the log-in.

    Returns None for who was removed from the account, and is not made a member again, and if there is no free seat.
    """
    membership = Membership.objects.filter(account=connection.account, user=user).first()
    if membership is None:
        membership = _join(connection, user, now)
    elif membership.accepted is None:
        _accept(membership, user, now)
    SsoLogin.objects.update_or_create(connection=connection, user=user, defaults={"at": now})
    record_action("sso.used", connection, changes={"email": (None, user.email)}, actor=build_user_actor(user))
    return membership


@transaction.atomic
def _accept(membership: Membership, user: User, now: datetime) -> None:
    """Accept the membership that the account has prepared."""
    membership.accepted = now
    member_role_store(membership=membership, role=membership.role, fields=["accepted"])
    membership.invitations.open().update(revoked=now)
    former_member_forget(account=membership.account, user=user)
    changes = {"role": (None, membership.role)}
    record_action("member.joined", membership, changes=changes, actor=build_user_actor(user))


@transaction.atomic
def _join(connection: SsoConnection, user: User, now: datetime) -> Membership | None:
    """Create the membership, unless the person was removed or the account has no seat for them."""
    role = find_role_to_join(connection, user)
    if role is None:
        sso_refusal_record(connection=connection, email=user.email, reason=REMOVED)
        return None
    try:
        check_seat_limit(connection.account, user.email)
    except ValidationError as error:
        sso_refusal_record(connection=connection, email=user.email, reason=" ".join(error.messages))
        return None
    membership = Membership.objects.create(account=connection.account, user=user, role=role, accepted=now)
    changes = {"role": (None, membership.role)}
    record_action("member.joined", membership, changes=changes, actor=build_user_actor(user))
    return membership


def sso_refusal_record(*, connection: SsoConnection, email: str, reason: str, way: str = "") -> None:
    """Record that somebody was not let in: by the provider's answer, or by another `way` although it is closed.

    Strangers can cause both again and again, so those of one connection are recorded by their number above a few.
    """
    changes = {"email": (None, email), "reason": (None, reason[:MAX_REASON]), "way": (None, way)}
    record_repeatable(
        "sso.refused",
        connection,
        limit=REFUSALS,
        counted=f"{connection.pk} {'another way' if way else 'provider'}",
        changes={name: pair for name, pair in changes.items() if pair[1]},
    )


@transaction.atomic
def sso_bypass_record(*, connection: SsoConnection, user: User) -> None:
    """Record that the emergency owner logged in without the provider."""
    record_action("sso.bypassed", connection, changes={"email": (None, user.email)}, actor=build_user_actor(user))


@transaction.atomic
def provider_user_complete(*, user: User, name: str, owns_account: bool) -> None:
    """Complete a user whom a provider's log-in has just created: with a name, and an account of their own unless they
    join one."""
    user.name = shorten_name(name)
    user.save(update_fields=["name"])
    record_action("user.created", user)
    if owns_account:
        account_create(name=user.name or get_domain(user.email), owner=user)
