"""The one place that says yes: who may do what with which thing of which account.

An *actor* is a logged-in `User`, nobody (Django's AnonymousUser or None), or a `Bearer`: a program that
showed a key of an account. Words for what one may do: "view", "edit", "manage" (its team, keys, brand).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.db.models import QuerySet
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
ALL_THINGS = "all_things"  # a guest's option: may view and edit everything, yet manage nothing


@dataclass(frozen=True)
class Kind:
    """A kind of thing a guest can be given. `things(account)` yields (id, label) of all there are."""

    name: str
    label: str
    things: Callable[[Account], Iterable[tuple[int, str]]]


KINDS: dict[str, Kind] = {}


def register_kind(name: str, label: str, things: Callable[[Account], Iterable[tuple[int, str]]]) -> None:
    """Make `name` a word that grants may use; called from `config.registrations`."""
    KINDS[name] = Kind(name, label, things)


@dataclass(frozen=True)
class Bearer:
    """Who showed a key instead of logging in: exactly one membership, whatever else its user may open.

    The account's own key acts as its owner through a membership that is not stored (`pk` is None).
    """

    membership: Membership
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False
    pk: int | None = None


Actor = Any  # User | AnonymousUser | Bearer | None; spelled loosely because request.user is


def memberships_of(actor: Actor) -> list[Membership]:
    """Every membership of the actor, with its account; none for nobody and for a disabled user."""
    if actor is None or not actor.is_authenticated or not actor.is_active:
        return []
    if isinstance(actor, Bearer):
        return [actor.membership]
    return list(Membership.objects.filter(user=actor).select_related("account").order_by("account__name", "pk"))


def membership_for(actor: Actor, account: Account) -> Membership | None:
    """The actor's membership in `account`, if there is one."""
    if actor is None or not actor.is_authenticated or not actor.is_active:
        return None
    if isinstance(actor, Bearer):
        return actor.membership if actor.membership.account_id == account.pk else None
    return Membership.objects.filter(user=actor, account=account).select_related("account").first()


def membership_may(membership: Membership | None, what: str) -> bool:
    """Whether the membership may `what` with everything in its account. ValueError on an unknown word."""
    if what not in WORDS:
        raise ValueError(f"{what!r} is not one of {sorted(WORDS)}")
    if membership is None:
        return False
    if membership.role == Role.GUEST and membership.options.get(ALL_THINGS):
        return what in {"view", "edit"}
    return what in ROLE_MAY[membership.role]


def may(actor: Actor, account: Account, what: str) -> bool:
    """Whether the actor may `what` with everything in the account."""
    return membership_may(membership_for(actor, account), what)


def granted(membership: Membership, kind: str) -> dict[int, str]:
    """What the membership was given of one kind: {object id: right}."""
    if membership.pk is None:
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
    """The membership the person works in now: the switcher's choice, else the first. Http404 without one."""
    memberships = memberships_of(request.user)
    chosen = request.session.get("account") if hasattr(request, "session") else None
    for membership in memberships:
        if membership.account_id == chosen:
            return membership
    if not memberships:
        raise Http404("You are not a member of any account.")
    return memberships[0]


def work_in(request: HttpRequest, account: Account) -> None:
    """From now on the person works in this account: links and settings are its, as by the switcher."""
    if SESSION_KEY not in request.session or request.session.get("account") == account.pk:
        return
    if current_membership(request).account_id != account.pk:  # a page that changes nothing writes no session either
        request.session["account"] = account.pk


def current_account(request: HttpRequest, may: str = "view") -> Account:
    """The account the person works in now, if they may do `may` with all of it. Raises Http404 otherwise."""
    membership = current_membership(request)
    if not membership_may(membership, may):
        raise Http404("No such account.")
    return membership.account


def members_of(account: Account) -> QuerySet[Membership]:
    """Everybody in the account, owners first, guests last, by name."""
    return account.memberships.select_related("user").prefetch_related("grants").order_by("created", "pk")


def owner_of(account: Account) -> User | None:
    """The account's first owner."""
    membership = account.memberships.filter(role=Role.OWNER).select_related("user").order_by("pk").first()
    return membership.user if membership else None


def bearer_of(authkey: str) -> Bearer | None:
    """Who an account's or a member's own authkey (GUID, any case) stands for; None for an unknown key."""
    hashed = key_hash(authkey.strip().upper())
    account = Account.objects.filter(authkey_hash=hashed).first()
    if account is not None:
        return Bearer(Membership(account=account, role=Role.OWNER))
    member = Membership.objects.filter(authkey_hash=hashed, user__is_active=True).select_related("account", "user")
    found = member.first()
    return Bearer(found) if found else None
