"""Permissions: what an actor may do with an account and with single objects of it.

An *actor* is a logged-in `User`, nobody (Django's AnonymousUser or None), or a `Bearer`: a program that sent a key of
an account. The permissions are "view", "edit" and "manage" (team, keys and brand of the account).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from allauth.mfa.models import Authenticator
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest

from accounts.clients.rules import (
    build_client_membership,
    join_memberships,
    list_client_memberships,
    mark_agencies,
    reaches_through_agency,
)
from accounts.keys import hash_key
from accounts.models import WRITE, Account, Grant, Membership, PersonalToken, Right, Role, User
from accounts.sso.rules import SSO_ACCOUNT, are_keys_ended, has_recent_login

# What a role may do with everything in its account. Guests have only the rights of their grants.
ROLE_PERMISSIONS: dict[str, frozenset[str]] = {
    Role.OWNER: frozenset({"view", "edit", "manage"}),
    Role.ADMIN: frozenset({"view", "edit", "manage"}),
    Role.EDITOR: frozenset({"view", "edit"}),
    Role.VIEWER: frozenset({"view"}),
    Role.GUEST: frozenset(),
}
RIGHT_PERMISSIONS: dict[str, frozenset[str]] = {
    Right.READ: frozenset({"view"}),
    Right.WRITE: frozenset({"view", "edit"}),
}
IMPERSONATED_ACCOUNT = "impersonated_account_id"  # attribute of a user as whom an operator acts
SEEN_AS = "seen_as"  # attribute of a user who sees the pages as a client: the membership by whose rights
PERMISSIONS = frozenset({"view", "edit", "manage"})
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
# Of "web analytics, personal token": the product's name would show on a brand's host
PERSONAL_TOKEN_PREFIX = "wapt_"  # noqa: S105
LabelledObjects = Sequence[tuple[int, str]]  # (id, label)


class SecondFactorRequired(Http404):
    """The user has no second factor, and the account requires one of its members: nothing of it is found."""

    def __init__(self, account: Account) -> None:
        super().__init__(
            f"{account} requires its members to have a second factor. Set one up under Sign-in and security."
        )


@dataclass(frozen=True)
class GrantKind:
    """A kind of object that guests can be granted.

    `search(account, text, limit)` returns the first `limit` objects whose name contains the text (any for an empty
    text); `existing(account, ids)` returns those of the ids that exist in the account. Both with labels.
    """

    name: str
    label: str
    search: Callable[[Account, str, int], LabelledObjects]
    existing: Callable[[Account, Collection[int]], LabelledObjects]


GRANT_KINDS: dict[str, GrantKind] = {}


def register_grant_kind(kind: GrantKind) -> None:
    """Register a kind of object that can be granted; called from `config.wiring`."""
    GRANT_KINDS[kind.name] = kind


@dataclass(frozen=True, kw_only=True)
class Bearer:
    """The actor of a request with a key instead of a log-in: one membership, even if its user has others.

    The account's own key acts as an administrator through a membership that is not stored (`pk` is None). A personal
    token acts for its person, within its scopes and sites.
    """

    membership: Membership
    token: PersonalToken | None = None
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False
    pk: int | None = None

    @property
    def site_ids(self) -> frozenset[int] | None:
        """The only objects that a token limited to sites reaches; None without such a limit."""
        return frozenset(self.token.sites) if self.token and self.token.sites else None


def may_read_secrets(actor: object, area: str) -> bool:
    """Whether keys of the area may be shown to the actor: a personal token that only reads must not yield a key that
    writes."""
    token = actor.token if isinstance(actor, Bearer) else None
    return token is None or token.allows(area, WRITE)


def get_acting_user(actor: object) -> User | None:
    """Return the user behind an actor: logged in, or the owner of a member's key. None for an account's key."""
    if isinstance(actor, Bearer):
        return actor.membership.user if actor.membership.user_id else None
    return actor if isinstance(actor, User) else None


SUSPENDED = "This account is suspended. Log in to read why."  # for programs with a key of a site


class AccountSuspended(PermissionDenied):
    """The account is suspended; the text is a sentence for its members and programs."""

    def __init__(self, account: Account) -> None:
        super().__init__(f"This account is suspended: {account.suspension_reason}")


def check_not_suspended(account: Account) -> None:
    """Raise AccountSuspended if the account is."""
    if account.suspended is not None:
        raise AccountSuspended(account)


Actor: TypeAlias = User | AnonymousUser | Bearer | None


def list_memberships(actor: Actor, clients: Collection[int] | None = None) -> list[Membership]:
    """List the actor's accepted memberships with their accounts; none for nobody and for a disabled user.

    Those of suspended accounts are left out, and those that are locked (`leave_out_locked`). Memberships in accounts of
    clients, which follow from a role in the agency, come last and are not stored; with `clients` only those in these
    accounts, since an agency may have hundreds. A key opens its own account only.
    """
    if actor is None or not actor.is_authenticated or not actor.is_active:
        return []
    if isinstance(actor, Bearer):
        return [actor.membership]
    seen_as: Membership | None = getattr(actor, SEEN_AS, None)
    if seen_as is not None:
        return [seen_as]
    rows = select_memberships(actor).filter(account__suspended=None).select_related("account")
    if is_impersonated(actor):
        return leave_out_locked(rows.order_by("account__name", "pk"), list_sso_accounts(actor))
    own = leave_out_locked(mark_agencies(rows).order_by("account__name", "pk"), list_sso_accounts(actor))
    through_agency = leave_out_locked(list_client_memberships(actor, own, clients), list_sso_accounts(actor))
    return join_memberships(own, through_agency)


def is_impersonated(user: User) -> bool:
    """Whether somebody else acts as the user, or the user sees the pages as a client: in one account either way."""
    return getattr(user, IMPERSONATED_ACCOUNT, None) is not None or getattr(user, SEEN_AS, None) is not None


def list_sso_accounts(actor: object) -> frozenset[int]:
    """Return the accounts in which the actor's session counts as one with a second factor: that of the provider which
    they logged in through."""
    account_id = getattr(actor, SSO_ACCOUNT, None)
    return frozenset() if account_id is None else frozenset({account_id})


def leave_out_locked(memberships: Iterable[Membership], sso: Collection[int] = ()) -> list[Membership]:
    """Leave out memberships of people without a second factor in accounts that require one, but for the accounts `sso`,
    whose single sign-on counts as one."""
    rows = list(memberships)
    demanding = {row.user_id for row in rows if row.account.second_factor_required and row.account_id not in sso}
    if not demanding:
        return rows
    protected = set(
        Authenticator.objects.filter(user__in=demanding, type__in=FACTORS).values_list("user_id", flat=True)
    )
    return [
        row
        for row in rows
        if row.user_id in protected or not row.account.second_factor_required or row.account_id in sso
    ]


def has_second_factor(user: User) -> bool:
    """Whether the user has a passkey or an authenticator app, so that a password alone is not enough."""
    return bool(Authenticator.objects.filter(user=user, type__in=FACTORS).exists())


def list_demanding_accounts(user: User) -> list[Account]:
    """List the accounts that the user is a member of and cannot open before they have a second factor."""
    rows = Membership.objects.accepted().filter(user=user, account__second_factor_required=True)
    usable = {row.pk for row in leave_out_locked(rows.select_related("account"), list_sso_accounts(user))}
    return [row.account for row in rows.select_related("account").order_by("account__name") if row.pk not in usable]


def select_memberships(actor: User) -> QuerySet[Membership]:
    """Select the accepted memberships of a user; of one as whom an operator acts, in that account only."""
    memberships = Membership.objects.accepted().filter(user=actor)
    only = getattr(actor, IMPERSONATED_ACCOUNT, None)
    return memberships if only is None else memberships.filter(account_id=only)


def find_membership(actor: Actor, account: Account) -> Membership | None:
    """Find the actor's accepted membership in `account`.

    Raises AccountSuspended for a member of a suspended one, SecondFactorRequired if the membership is locked.
    """
    if actor is None or not actor.is_authenticated or not actor.is_active:
        return None
    if isinstance(actor, Bearer):
        return actor.membership if actor.membership.account_id == account.pk else None
    seen_as: Membership | None = getattr(actor, SEEN_AS, None)
    if seen_as is not None:
        return seen_as if seen_as.account_id == account.pk else None
    rows = select_memberships(actor).filter(Q(account=account) | reaches_through_agency(account))
    by_account = {row.account_id: row for row in rows.select_related("account")}
    membership = by_account.pop(account.pk, None)
    if not membership_may(membership, "manage"):
        membership = choose_through_agency(actor, account, [*by_account.values()]) or membership
    if membership is not None:
        check_not_suspended(membership.account)
        if not leave_out_locked([membership], list_sso_accounts(actor)):
            raise SecondFactorRequired(account)
    return membership


def find_client_membership(user: User, account: Account) -> Membership | None:
    """Find what the user is in a client's account by their role in the agency; it is not stored. None if nothing, or if
    the client requires a second factor that the user does not have."""
    rows = select_memberships(user).filter(reaches_through_agency(account)).select_related("account")
    membership = choose_through_agency(user, account, list(rows))
    usable = leave_out_locked([membership], list_sso_accounts(user)) if membership is not None else []
    return usable[0] if usable else None


def choose_through_agency(user: User, account: Account, in_agency: Sequence[Membership]) -> Membership | None:
    """Build what the user is in a client's account by their membership in its agency, unless that is locked."""
    usable = [] if is_impersonated(user) else leave_out_locked(in_agency, list_sso_accounts(user))
    return build_client_membership(usable[0], user, account) if usable else None


def membership_may(membership: Membership | None, permission: str) -> bool:
    """Whether a membership has a permission for everything in its account. Raises ValueError for an unknown one."""
    if permission not in PERMISSIONS:
        raise ValueError(f"{permission!r} is not one of {sorted(PERMISSIONS)}")
    if membership is None:
        return False
    return permission in ROLE_PERMISSIONS[membership.role]


def load_grants(membership: Membership, kind: str) -> dict[int, str]:
    """Load the grants of a guest for one kind: {object id: right}. Other members have none: their role decides."""
    if membership.pk is None or membership.role != Role.GUEST:
        return {}
    return dict(Grant.objects.filter(membership=membership, kind=kind).values_list("object_id", "right"))


def may_on_object(actor: Actor, account: Account, kind: str, object_id: int, may: str) -> bool:
    """Whether the actor has the permission `may` for one object: by role, or as a guest by a grant."""
    membership = find_membership(actor, account)
    if membership is None or not is_within_limit(actor, kind, object_id):
        return False
    if membership_may(membership, may):
        return True
    right = load_grants(membership, kind).get(object_id)
    return right is not None and may in RIGHT_PERMISSIONS[right]


def is_within_limit(actor: Actor, kind: str, object_id: int) -> bool:
    """Whether the object is one of the sites that the actor's token is limited to, if it is limited."""
    limit = actor.site_ids if isinstance(actor, Bearer) else None
    return limit is None or (kind == "site" and object_id in limit)


def get_current_membership(request: HttpRequest) -> Membership:
    """Return the membership that the user works in now. Raises Http404 if they have none, AccountSuspended if all of
    their accounts are, and SecondFactorRequired if the others are locked.

    The account is the one chosen in this session, else the one used last, else the first one they own, else the first
    one they joined; so an invitation to another account does not change which one opens.
    """
    membership = find_current_membership(request)
    if membership is None:
        check_has_active_account(request)
        locked = list_demanding_accounts(request.user) if isinstance(request.user, User) else []
        if locked:
            raise SecondFactorRequired(locked[0])
        raise Http404("You are not a member of any account.")
    return membership


def find_current_membership(request: HttpRequest) -> Membership | None:
    """Find what `get_current_membership` returns; None if the user can open no account now."""
    chosen = request.session.get("account") if hasattr(request, "session") else None
    last = getattr(request.user, "last_account_id", None)
    memberships = list_memberships(request.user, {number for number in (chosen, last) if number is not None})
    return choose_membership(memberships, chosen, last) if memberships else None


def get_stored_membership(request: HttpRequest) -> Membership:
    """Return the user's own membership in the account they work in, which keys and tokens belong to. Raises Http404 in
    a client's account that they reach through their agency only."""
    membership = get_current_membership(request)
    if membership.pk is None and isinstance(request.user, User):
        own = select_memberships(request.user).filter(account=membership.account).select_related("account", "user")
        membership = own.first() or membership
    if membership.pk is None:
        raise Http404("Keys and tokens belong to members. You reach this account through your agency.")
    return membership


def check_has_active_account(request: HttpRequest) -> None:
    """Raise AccountSuspended for a user whose accounts are all suspended."""
    if isinstance(request.user, User) and find_current_membership(request) is None:
        membership = select_memberships(request.user).select_related("account").first()
        if membership is not None:
            check_not_suspended(membership.account)


def choose_membership(memberships: Sequence[Membership], *preferred_ids: int | None) -> Membership:
    """Return the membership in the first of the preferred accounts that is among them, else in the first account that
    the user owns, else in the first one they joined; one that is not stored only if there is no other."""
    by_account: dict[int | None, Membership] = {membership.account_id: membership for membership in memberships}
    preferred = next((by_account[number] for number in preferred_ids if number in by_account), None)
    stored = [membership for membership in memberships if membership.pk is not None]
    return preferred or min(
        stored or memberships,
        key=lambda membership: (membership.role != Role.OWNER, membership.accepted, membership.pk),
    )


def switch_account(request: HttpRequest, account: Account) -> None:
    """Make this the account that the user works in, now and after the next log-in."""
    if SESSION_KEY not in request.session or request.session.get("account") == account.pk:
        return
    if get_current_membership(request).account_id == account.pk:  # a GET that changes nothing must not write
        return
    request.session["account"] = account.pk
    user = request.user
    if isinstance(user, User) and user.last_account_id != account.pk:
        User.objects.filter(pk=user.pk).update(last_account=account)
        user.last_account_id = account.pk


def get_current_account(request: HttpRequest, may: str = "view") -> Account:
    """Return the account that the user works in now. Raises Http404 without the permission `may` for all of it."""
    membership = get_current_membership(request)
    if not membership_may(membership, may):
        raise Http404("No such account.")
    return membership.account


def is_key_locked(membership: Membership) -> bool:
    """Whether a member's tokens and own key do not work now: the account requires a second factor, or single sign-on,
    and the person has neither. A log-in through the provider in the last days counts."""
    if are_keys_ended(membership):
        return True
    if leave_out_locked([membership]):
        return False
    return not has_recent_login(membership)


def find_token_bearer(plain: str, now: datetime) -> Bearer | None:
    """Find the actor of a personal token; None for one that is unknown, has expired, or has a locked membership.

    Raises AccountSuspended for a token in a suspended account.
    """
    tokens = PersonalToken.objects.usable(now).select_related("membership__account__sso", "membership__user")
    token = tokens.filter(hash=hash_key(plain.strip())).first()
    if token is None or is_key_locked(token.membership):
        return None
    check_not_suspended(token.membership.account)
    return Bearer(membership=token.membership, token=token)


def find_bearer(authkey: str) -> Bearer | None:
    """Find the actor of an account's or a member's authkey (a GUID in any case); None for an unknown key.

    Raises AccountSuspended for a key of a suspended account.

    The account's key never acts as an owner: it is stored in programs, which must not be able to appoint owners. A
    member's key does not work as long as the membership is locked.
    """
    hashed = hash_key(authkey.strip().upper())
    account = Account.objects.filter(authkey_hash=hashed).first()
    if account is not None:
        check_not_suspended(account)
        return Bearer(membership=Membership(account=account, role=Role.ADMIN))
    # A pending guest's key opens the account's data only, so it works even if the person's user is disabled
    usable = Q(user__is_active=True) | Q(accepted=None)
    membership = Membership.objects.filter(usable, authkey_hash=hashed).select_related("account__sso", "user").first()
    if membership is None or (membership.accepted and is_key_locked(membership)):
        return None
    check_not_suspended(membership.account)
    return Bearer(membership=membership)
