"""The one place that says yes: who may do what with which thing of which account.

An *actor* is a logged-in `User`, nobody (Django's AnonymousUser or None), or a `Bearer`: a program that
showed a key of an account. Words for what one may do: "view", "edit", "manage" (its team, keys, brand).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest

from accounts.keys import key_hash
from accounts.models import Account, Grant, Membership, Right, Role, User

# What a role may do with everything in its account. Guests only what their grants say.
ROLE_MAY: dict[str, frozenset[str]] = {
    Role.OWNER: frozenset({"view", "edit", "manage"}),
    Role.ADMIN: frozenset({"view", "edit", "manage"}),
    Role.EDITOR: frozenset({"view", "edit"}),
    Role.VIEWER: frozenset({"view"}),
    Role.GUEST: frozenset(),
}
RIGHT_MAY: dict[str, frozenset[str]] = {
    Right.READ: frozenset({"view"}),
    Right.WRITE: frozenset({"view", "edit"}),
}
WORDS = frozenset({"view", "edit", "manage"})
LabelledObjects = Sequence[tuple[int, str]]  # (id, label)


@dataclass(frozen=True)
class Kind:
    """A kind of object a guest can be given.

    `search(account, text, limit)` returns the first `limit` objects whose name contains the text (any for an empty
    text); `existing(account, ids)` returns those of the ids that exist in the account. Both with labels.
    """

    name: str
    label: str
    search: Callable[[Account, str, int], LabelledObjects]
    existing: Callable[[Account, Collection[int]], LabelledObjects]


KINDS: dict[str, Kind] = {}


def register_kind(kind: Kind) -> None:
    """Let grants use this kind; called from `config.registrations`."""
    KINDS[kind.name] = kind


@dataclass(frozen=True)
class Bearer:
    """Who showed a key instead of logging in: exactly one membership, whatever else its user may open.

    The account's own key acts as an administrator through a membership that is not stored (`pk` is None).
    """

    membership: Membership
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False
    pk: int | None = None


def acting_user(actor: Any) -> User | None:
    """The user who acts: logged in, or by a member's own key. None for an account's key."""
    if isinstance(actor, Bearer):
        return actor.membership.user if actor.membership.user_id else None
    return actor if isinstance(actor, User) else None


Actor = Any  # User | AnonymousUser | Bearer | None; spelled loosely because request.user is


def memberships_of(actor: Actor) -> list[Membership]:
    """Every accepted membership of the actor, with its account; none for nobody and for a disabled user."""
    if actor is None or not actor.is_authenticated or not actor.is_active:
        return []
    if isinstance(actor, Bearer):
        return [actor.membership]
    mine = Membership.objects.accepted().filter(user=actor)
    return list(mine.select_related("account").order_by("account__name", "pk"))


def membership_for(actor: Actor, account: Account) -> Membership | None:
    """The actor's accepted membership in `account`, if there is one."""
    if actor is None or not actor.is_authenticated or not actor.is_active:
        return None
    if isinstance(actor, Bearer):
        return actor.membership if actor.membership.account_id == account.pk else None
    return Membership.objects.accepted().filter(user=actor, account=account).select_related("account").first()


def membership_may(membership: Membership | None, what: str) -> bool:
    """Whether the membership may `what` with everything in its account. ValueError on an unknown word."""
    if what not in WORDS:
        raise ValueError(f"{what!r} is not one of {sorted(WORDS)}")
    if membership is None:
        return False
    return what in ROLE_MAY[membership.role]


def may(actor: Actor, account: Account, what: str) -> bool:
    """Whether the actor may `what` with everything in the account."""
    return membership_may(membership_for(actor, account), what)


def granted(membership: Membership, kind: str) -> dict[int, str]:
    """The grants of a guest for one kind: {object id: right}. Members have none: their role decides."""
    if membership.pk is None or membership.role != Role.GUEST:
        return {}
    return dict(Grant.objects.filter(membership=membership, kind=kind).values_list("object_id", "right"))


def allowed(actor: Actor, account: Account, kind: str, object_id: int, may: str) -> bool:
    """Whether the actor may do `may` with one thing: by role, or as a guest by grant."""
    membership = membership_for(actor, account)
    if membership is None:
        return False
    if membership_may(membership, may):
        return True
    right = granted(membership, kind).get(object_id)
    return right is not None and may in RIGHT_MAY[right]


def account_for(request: HttpRequest, account_id: int, may: str = "view") -> Account:
    """The account, for somebody who may do `may` with all of it. Raises Http404 otherwise."""
    account = Account.objects.filter(pk=account_id).first()
    if account is None or not membership_may(membership_for(request.user, account), may):
        raise Http404("No such account.")
    return account


def current_membership(request: HttpRequest) -> Membership:
    """The membership in which the person works now. Raises Http404 if they have none.

    The account is the one chosen in this session, else the one used last, else the first one they own, else the first
    one they joined; so an invitation to another account does not change which one opens.
    """
    memberships = memberships_of(request.user)
    if not memberships:
        raise Http404("You are not a member of any account.")
    chosen = request.session.get("account") if hasattr(request, "session") else None
    last = getattr(request.user, "last_account_id", None)
    by_account: dict[int | None, Membership] = {membership.account_id: membership for membership in memberships}
    preferred = by_account.get(chosen) or by_account.get(last)
    return preferred or min(memberships, key=lambda one: (one.role != Role.OWNER, one.accepted, one.pk))


def work_in(request: HttpRequest, account: Account) -> None:
    """Make this the account whose links and settings the person sees, now and after the next log-in."""
    if SESSION_KEY not in request.session or request.session.get("account") == account.pk:
        return
    if current_membership(request).account_id == account.pk:  # a GET that changes nothing must not write
        return
    request.session["account"] = account.pk
    user = request.user
    if isinstance(user, User) and user.last_account_id != account.pk:
        User.objects.filter(pk=user.pk).update(last_account=account)
        user.last_account_id = account.pk


def current_account(request: HttpRequest, may: str = "view") -> Account:
    """The account the person works in now, if they may do `may` with all of it. Raises Http404 otherwise."""
    membership = current_membership(request)
    if not membership_may(membership, may):
        raise Http404("No such account.")
    return membership.account


def members_of(account: Account) -> QuerySet[Membership]:
    """The accepted members of the account, by when they were added."""
    rows: QuerySet[Membership] = account.memberships.accepted()
    return rows.select_related("user", "account").prefetch_related("grants").order_by("created", "pk")


def owner_of(account: Account) -> User | None:
    """The account's first owner."""
    owners = account.memberships.accepted().filter(role=Role.OWNER)
    membership = owners.select_related("user").order_by("pk").first()
    return membership.user if membership else None


def bearer_of(authkey: str) -> Bearer | None:
    """Who an account's or a member's own authkey (GUID, any case) stands for; None for an unknown key.

    The account's key never acts as an owner: it is stored in programs, which must not be able to appoint owners.
    """
    hashed = key_hash(authkey.strip().upper())
    account = Account.objects.filter(authkey_hash=hashed).first()
    if account is not None:
        return Bearer(Membership(account=account, role=Role.ADMIN))
    # A pending guest's key opens the account's data only, so it works even if the person's user is disabled
    usable = Q(user__is_active=True) | Q(accepted=None)
    found = Membership.objects.filter(usable, authkey_hash=hashed).select_related("account", "user").first()
    return Bearer(found) if found else None
