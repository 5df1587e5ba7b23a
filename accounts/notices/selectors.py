"""Reads of notices: a person's own, of the accounts that they may open now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from accounts.models import Account, User
from accounts.notices.kinds import KINDS, Audience, NoticeKind
from accounts.notices.models import Notice, NoticeChoice, NoticeWay
from accounts.permissions import is_impersonated, list_memberships


@dataclass(frozen=True)
class NoticeLine:
    """A notice as a page or a mail shows it. `path` is the address that it leads to, "" for none."""

    notice: Notice
    label: str
    sentence: str
    path: str


@dataclass(frozen=True)
class KindChoice:
    """A kind with what a person has chosen for it."""

    kind: NoticeKind
    way: NoticeWay


def select_notices(user: User, account: Account | None = None) -> QuerySet[Notice]:
    """Select a person's notices: those about themselves, and those of accounts that they may open now. With an account
    only those of that one, as a token reaches; an operator who acts for the person has those of the one account too.
    """
    own = Notice.objects.filter(user=user)
    if account is not None:
        return own.filter(account=account)
    in_account = Q(account__in=list_open_accounts(user))
    return own.filter(in_account if is_impersonated(user) else in_account | Q(account=None))


def list_open_accounts(user: User) -> list[int]:
    """List the ids of the accounts that a person may open now."""
    return [membership.account_id for membership in list_memberships(user)]


def count_unread(user: User) -> int:
    """Count a person's unread notices. One statement by an index of unread ones; which accounts the person may open is
    asked only if there are any, so that the headers of most pages cost no more.
    """
    unread = Notice.objects.filter(user=user, read=None).order_by()
    counts: dict[int | None, int] = dict(unread.values_list("account_id").annotate(Count("pk")))
    if not counts:
        return 0
    shown: set[int | None] = {*list_open_accounts(user), *(() if is_impersonated(user) else (None,))}
    return sum(count for account_id, count in counts.items() if account_id in shown)


def add_unread_count(request: HttpRequest) -> dict[str, object]:
    """Add `count_unread_notices` to the context of every template; only pages with a header call it."""
    return {"count_unread_notices": partial(count_unread_of_request, request)}


def count_unread_of_request(request: HttpRequest) -> int:
    """Count the unread notices of whoever is logged in; 0 for nobody."""
    return count_unread(request.user) if isinstance(request.user, User) else 0


def format_notice(notice: Notice) -> NoticeLine:
    """Format a notice; of a kind that no longer exists only its name is known."""
    kind = KINDS.get(notice.kind)
    if kind is None:
        return NoticeLine(notice, notice.kind.replace("_", " ").capitalize(), "", "")
    return NoticeLine(notice, kind.label, kind.format_sentence(notice.values), kind.build_path(notice.values))


def load_ways(kind: NoticeKind, user_ids: Iterable[int]) -> dict[int, NoticeWay]:
    """Load how each of these people is told of a kind."""
    ids = list(user_ids)
    chosen = dict(NoticeChoice.objects.filter(kind=kind.name, user__in=ids).values_list("user_id", "way"))
    return {number: choose_way(kind, chosen.get(number)) for number in ids}


def list_choices(user: User) -> list[KindChoice]:
    """List the kinds that may concern the person, with what they have chosen."""
    chosen = dict(user.notice_choices.values_list("kind", "way"))
    kinds = [kind for kind in KINDS.values() if user.is_operator or kind.audience != Audience.OPERATORS]
    return [KindChoice(kind, choose_way(kind, chosen.get(kind.name))) for kind in kinds]


def choose_way(kind: NoticeKind, way: str | None) -> NoticeWay:
    """Return the chosen way if the kind has it, else the kind's default."""
    return NoticeWay(way) if way in kind.ways else kind.default
