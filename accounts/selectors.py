"""Reads of users, members and host claims (whose hosts are normalized names); the fair order of many accounts' rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models import Exists, F, Model, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.http import Http404
from django.utils.crypto import constant_time_compare

from accounts.clients.models import ClientAccount
from accounts.clients.rules import AGENCY_ROLES
from accounts.models import Account, HostClaim, InstallationSettings, Membership, Role, User
from accounts.permissions import (
    FACTORS,
    Actor,
    find_client_membership,
    get_acting_user,
    has_second_factor,
    is_impersonated,
    list_sso_accounts,
    membership_may,
)
from accounts.security.sessions import SessionStore
from accounts.sso.rules import SSO_ACCOUNT, find_enforced_connection

Row = TypeVar("Row", bound=Model)
CHANGELOG_PREFERENCE = "changelog"  # of a user: the latest version whose changes they have read


def list_members(account: Account) -> QuerySet[Membership]:
    """Select the accepted members of the account, oldest first."""
    rows: QuerySet[Membership] = account.memberships.accepted()
    return rows.select_related("user").prefetch_related("grants").order_by("created", "pk")


def find_owner(account: Account) -> User | None:
    """Find the account's first owner."""
    owners = account.memberships.accepted().filter(role=Role.OWNER)
    membership = owners.select_related("user").order_by("pk").first()
    return membership.user if membership else None


def find_agency(account: Account) -> Account | None:
    """Find the agency of which the account is a client."""
    client = ClientAccount.objects.filter(account=account).select_related("agency").first()
    return client.agency if client else None


def find_agency_of_clients(membership: Membership, actor: Actor) -> Account | None:
    """Find the account whose clients the actor looks after while they work by the membership: its own, or in a client's
    account the agency. None without the right to manage it, and for members and keys of a client's account only."""
    if not membership_may(membership, "manage"):
        return None
    agency = find_agency(membership.account)
    if agency is None:
        return membership.account
    reaches = isinstance(actor, User) and find_client_membership(actor, membership.account) is not None
    return agency if reaches else None


def get_agency_or_404(membership: Membership, actor: Actor) -> Account:
    """Return what `find_agency_of_clients` finds. Raises Http404."""
    agency = find_agency_of_clients(membership, actor)
    if agency is None:
        raise Http404("You look after no clients.")
    return agency


def has_clients(actor: Actor) -> bool:
    """Whether somebody who is logged in reaches accounts of clients through an agency."""
    if not isinstance(actor, User) or is_impersonated(actor):
        return False
    rows = Membership.objects.accepted().filter(user=actor, role__in=AGENCY_ROLES, account__suspended=None)
    return bool(rows.filter(account__clients__isnull=False).exists())


def build_unlocked_condition(actor: Actor, account: str) -> Q:
    """Build the condition that the account of a row (by this lookup) does not require a second factor, or that the
    actor has one or logged in through its provider. Programs with an account's key need none."""
    user = get_acting_user(actor)
    if user is None:
        return Q()
    has_factor = Exists(Authenticator.objects.filter(user=user, type__in=FACTORS))
    asks_for_none = Q(**{f"{account}__second_factor_required": False})
    return asks_for_none | Q(**{f"{account}__in": list_sso_accounts(actor)}) | Q(has_factor)


def list_clients(agency: Account, actor: Actor) -> QuerySet[ClientAccount]:
    """Select the clients of an agency that the actor reaches, by name: without those whose account is suspended, or
    requires a second factor that the actor does not have."""
    rows = agency.clients.filter(build_unlocked_condition(actor, "account"), account__suspended=None)
    return rows.select_related("account").order_by("account__name", "pk")


def find_session_user(stored_key: str, now: datetime) -> User | None:
    """Find who is logged in in a session, by its key as stored; None if it has ended or expired, the user is disabled,
    or the password has changed since.

    The user is as in a request of that session: with the account whose provider was used.
    """
    row = Session.objects.filter(session_key=stored_key, expire_date__gt=now).first()
    if row is None:
        return None
    data: dict[str, object] = SessionStore().decode(row.session_data)
    user = User.objects.filter(pk=str(data.get(SESSION_KEY, 0)), is_active=True).first()
    if user is None or not constant_time_compare(str(data.get(HASH_SESSION_KEY)), user.get_session_auth_hash()):
        return None
    if account_id := data.get(SSO_ACCOUNT):
        setattr(user, SSO_ACCOUNT, account_id)
    return user


def has_unverified_address(user: User) -> bool:
    """Whether the user signed up and has not verified the address yet; one who was invited has no row for it."""
    verified = list(EmailAddress.objects.filter(user=user).values_list("verified", flat=True))
    return bool(verified) and not any(verified)


def explain_password_refusal(user: User) -> str:
    """Explain why the right password alone opens no API for this user; "" if it does."""
    if has_unverified_address(user):
        return "This user's e-mail address is not verified yet. Log in with a browser to verify it."
    if find_enforced_connection(user.email) is not None:  # the emergency owner needs a second factor, too
        return "This user logs in through single sign-on, so the password opens nothing. Use a key of the account."
    if has_second_factor(user):
        return "This user has a second factor, so the password is not enough. Use a key of the account."
    return ""


def get_sign_up() -> str:
    """Return who may become a user: what an operator chose, else what the environment says.

    It is read from the database each time, so that a new choice holds in every process at once.
    """
    chosen = InstallationSettings.objects.filter(pk=1).values_list("sign_up", flat=True).first()
    return chosen or str(settings.SIGN_UP)


def list_verified_claims(purpose: str) -> QuerySet[HostClaim]:
    """Select all verified claims for a purpose."""
    return HostClaim.objects.filter(purpose=purpose, verified__isnull=False)


def find_verified_claim(host: str, purpose: str) -> HostClaim | None:
    """Find the verified claim on a host, with its account; there is at most one."""
    return list_verified_claims(purpose).filter(host=host).select_related("account").first() if host else None


def has_verified(account: Account, host: str, purpose: str) -> bool:
    """Whether the account has verified the host for the purpose."""
    return bool(host) and list_verified_claims(purpose).filter(account=account, host=host).exists()


def load_claims_by_host(account: Account, purpose: str) -> dict[str, HostClaim]:
    """Load the account's claims for a purpose by host, pending and verified."""
    return {claim.host: claim for claim in HostClaim.objects.filter(account=account, purpose=purpose)}


def find_claim(account: Account, host: str, purpose: str) -> HostClaim | None:
    """Find the account's claim on a host, pending or verified."""
    return HostClaim.objects.filter(account=account, host=host, purpose=purpose).first()


def rank_by_account(rows: QuerySet[Row], account: str, order: str) -> QuerySet[Any]:
    """Annotate rows with their `rank` within their account (1 = first by `order`) and sort by it: every account's
    first row, then every account's second, …

    `account` is the lookup of the account's id, such as "site__account_id"; `order` is one column, "-" for descending.
    """
    column = F(order[1:]).desc() if order.startswith("-") else F(order).asc()
    rank = Window(RowNumber(), partition_by=F(account), order_by=[column, F("pk").asc()])
    return rows.annotate(rank=rank).order_by("rank", order)
