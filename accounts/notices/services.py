"""Writes of notices: `notify`, which other services call, and what a person does with their own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone as clock

from accounts.clients.rules import reaches_through_agency
from accounts.models import Account, Grant, Membership, Right, Role, User
from accounts.notices.kinds import KINDS, Audience, NoticeKind, NoticeValues
from accounts.notices.models import Notice, NoticeChoice, NoticeWay
from accounts.notices.selectors import load_ways

RETENTION = timedelta(days=90)
MAX_PER_DAY = 50  # notices of one kind to one person in 24 hours
MAX_VALUE_LENGTH = 300  # characters of a value of a sentence
MANAGERS = (Role.OWNER, Role.ADMIN)
TEAM = (*MANAGERS, Role.EDITOR)


def notify(
    kind: NoticeKind,
    values: NoticeValues,
    *,
    account: Account | None,
    person: User | None = None,
    about: Sequence[tuple[str, int]] = (),
    key: str = "",
    by: User | None = None,
) -> int:
    """Write a notice to everybody whom the kind concerns and who has not chosen against it; return how many people that
    are. People who were told of the same key before are counted, but not told again.

    `person` is whom a kind for one person is about; `about` are (kind, id) of the objects by which guests may be
    concerned; `by`, who did it, is not told by a kind for several people. Nobody is told twice of the same `key`
    (without one, each call is something new), nor of more than MAX_PER_DAY of a kind in 24 hours.

    Raises LookupError if the values are not those of the kind's sentence.
    """
    if not kind.has_values(values):
        raise LookupError(f"{kind.name} has the values {sorted(kind.sentence_values)}")
    recipients = find_recipients(kind, account, person, about, by)
    if not recipients:
        return 0
    now = clock.now()
    ways = load_ways(kind, leave_out_those_at_limit(kind, recipients, now))
    texts = {name: value[:MAX_VALUE_LENGTH] if isinstance(value, str) else value for name, value in values.items()}
    rows = [
        Notice(
            user_id=number, account=account, kind=kind.name, key=key or uuid.uuid4().hex, values=texts, created=now,
            mail_due=now if way == NoticeWay.MAIL else None,
        )
        for number, way in ways.items()
        if way != NoticeWay.NOTHING
    ]  # fmt: skip
    Notice.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def find_recipients(
    kind: NoticeKind, account: Account | None, person: User | None, about: Sequence[tuple[str, int]], by: User | None
) -> list[int]:
    """Find the ids of the users whom a notice concerns. A kind for people of an account has one."""
    if kind.audience == Audience.PERSON:
        return [person.pk] if person is not None and person.is_active else []
    if kind.audience == Audience.OPERATORS:
        operators = User.objects.filter(is_operator=True, is_active=True)
        return list(operators.order_by("pk").values_list("pk", flat=True))
    assert account is not None, f"{kind.name} is about an account"
    members = Membership.objects.accepted().filter(user__is_active=True)
    concerned = Q(account=account, role__in=MANAGERS if kind.audience == Audience.MANAGERS else TEAM)
    if kind.tells_agency:
        concerned |= reaches_through_agency(account)
    if about and kind.audience == Audience.TEAM:
        named = Q()
        for name, number in about:
            named |= Q(kind=name, object_id=number)
        granted = Grant.objects.filter(named, right=Right.WRITE, membership__account=account)
        concerned |= Q(account=account, role=Role.GUEST, pk__in=granted.values("membership"))
    found = members.filter(concerned).values_list("user_id", flat=True).distinct().order_by("user_id")
    return list(found.exclude(user=by) if by is not None else found)


def leave_out_those_at_limit(kind: NoticeKind, user_ids: Sequence[int], now: datetime) -> list[int]:
    """Leave out those who have had MAX_PER_DAY notices of the kind in 24 hours."""
    recent = Notice.objects.filter(user__in=user_ids, kind=kind.name, created__gt=now - timedelta(days=1))
    counts = dict(recent.values("user").annotate(rows=Count("pk")).values_list("user", "rows"))
    return [number for number in user_ids if counts.get(number, 0) < MAX_PER_DAY]


def notices_mark(*, notices: QuerySet[Notice], is_read: bool = True) -> int:
    """Mark a person's notices as read, or as unread again; return how many were changed."""
    if is_read:
        return notices.filter(read=None).update(read=clock.now())
    return notices.exclude(read=None).update(read=None)


@transaction.atomic
def notice_choices_set(*, user: User, ways: Mapping[str, str]) -> None:
    """Store how the person is told of each of these kinds. Raises ValidationError, by kind."""
    errors = {
        name: f"Choose one of: {', '.join(KINDS[name].ways)}." if name in KINDS else "There is no such kind of notice."
        for name, way in ways.items()
        if name not in KINDS or way not in KINDS[name].ways
    }
    if errors:
        raise ValidationError(errors)
    for name, way in ways.items():
        NoticeChoice.objects.update_or_create(user=user, kind=name, defaults={"way": way})


def notices_clear(*, now: datetime) -> int:
    """Delete the notices that are older than RETENTION; return how many."""
    return Notice.objects.filter(created__lt=now - RETENTION).delete()[0]
