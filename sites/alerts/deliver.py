"""Deliveries on their way out.

An e-mail is claimed before it is sent and never tried again after the mail server took it or the worker died: better
a missing mail than two. A hook is delivered at least once: its claim runs out, it is tried again with growing pauses,
always with the same delivery id, so that the receiver can drop repeats.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.mail import EmailMessage
from django.db import InterfaceError, OperationalError
from django.db.models import Q, QuerySet

from accounts.brand import brand_of
from accounts.mail import one_line
from accounts.operations.run import run_each
from sites.alerts.models import Channel, ChannelKind, Delivery, DeliveryState
from sites.alerts.senders import SENDERS, DeliveryFailed, Send
from sites.fair_rounds import Done, Job, Places, next_in_turn, run_fair_round

log = logging.getLogger(__name__)
PAUSES = [timedelta(seconds=s) for s in (10, 30, 120, 600, 1800, 3600)]
CLAIM = timedelta(minutes=2)
GIVE_UP_AFTER = timedelta(days=1)
MAX_UNDER_WAY = 40  # messages at the same time
MAX_OF_ACCOUNT = 8
MAX_MAILS, MAX_MAILS_OF_ACCOUNT = 4, 1  # among them: what is under way when a worker dies is never sent again
ROUND_SECONDS = 30.0  # after which a round only finishes; the next one is allowed to begin a little earlier


@dataclass(frozen=True)
class Outgoing:
    """A claimed message, ready to be sent."""

    delivery: Delivery
    send: Send


Sent = Done[Outgoing, DeliveryFailed | None]


def deliver_due(*, now: datetime) -> int:
    """Send what is due and what becomes due meanwhile; the number of messages that arrived.

    Safe to run twice and side by side. No message holds up those of others: each account has a limited number under
    way, and one that fails, however it fails, is tried again later by itself.
    """
    give_up_lost(now)
    arrived: list[Delivery] = []

    places, mails = Places(MAX_UNDER_WAY, MAX_OF_ACCOUNT), Places(MAX_MAILS, MAX_MAILS_OF_ACCOUNT)

    def write(done: list[Sent]) -> None:
        for one in done:
            mails.leave(one.job)
        run_each(done, lambda one: arrived.append(one.job.item.delivery) if write_down(one) else None, what="Delivery")

    run_fair_round(
        claim=lambda places, at: claim_due(places, mails, at), work=send_one, write=write, places=places,
        seconds=ROUND_SECONDS, now=now,
    )  # fmt: skip
    return len(arrived)


def waiting(now: datetime) -> QuerySet[Delivery]:
    """What may be sent now."""
    open_ones = Q(state=DeliveryState.WAITING) | Q(state=DeliveryState.SENDING) & ~Q(channel__kind=ChannelKind.EMAIL)
    return Delivery.objects.filter(open_ones, next_try__lte=now, channel__in=Channel.objects.usable())


def give_up_lost(now: datetime) -> None:
    """Close what will not be sent: a mail whose worker died with it, since sending it again could make it two; a hook
    whose workers died with it for a day; what waited a day for a channel that is off or not confirmed."""
    lost = Delivery.objects.filter(state=DeliveryState.SENDING, next_try__lte=now)
    old = now - GIVE_UP_AFTER
    useless = Delivery.objects.filter(state=DeliveryState.WAITING, created__lte=old).exclude(
        channel__in=Channel.objects.usable()
    )
    for rows, reason in (
        (lost.filter(channel__kind=ChannelKind.EMAIL), "The worker ended while it was sent; it may have arrived."),
        (lost.filter(created__lte=old), "The worker ended each time while it was sent."),
        (useless, "Its channel was off or not confirmed for a day."),
    ):
        keys = list(rows.values_list("pk", flat=True))
        Delivery.objects.filter(pk__in=keys).update(state=DeliveryState.FAILED, error=reason)


def claim_due(places: Places, mails: Places, now: datetime) -> list[Job[Outgoing]]:
    """The messages that begin now, each claimed and ready; e-mails have few places of their own."""
    is_mail = Q(channel__kind=ChannelKind.EMAIL)
    jobs: list[Job[Outgoing]] = []
    for rows, free in ((waiting(now).filter(is_mail), mails), (waiting(now).filter(~is_mail), places)):
        turn = next_in_turn(rows, "channel__account_id", "next_try", free)
        found = run_each(turn, lambda row: (row[1], claim(row[0], now)), what="Delivery")
        jobs += [Job(account_id, out.delivery.pk, out) for account_id, out in found if out is not None]
    for job in jobs:
        if job.item.delivery.channel.kind == ChannelKind.EMAIL:
            mails.take(job)
    return jobs


def claim(key: Any, now: datetime) -> Outgoing | None:
    """Claim one message and prepare it. None when somebody else has it, its channel has quiet hours, or it cannot be
    prepared, which counts as a failed try. Each claim lasts longer, in case that it is what ends its workers."""
    row = Delivery.objects.filter(pk=key).values_list("next_try", "attempts").first()
    if row is None:
        return None
    mine = Delivery.objects.filter(pk=key, next_try=row[0], attempts=row[1])
    until = now + max(CLAIM, pause_after(row[1] + 1))
    if not mine.update(state=DeliveryState.SENDING, next_try=until, attempts=row[1] + 1):
        return None
    try:
        delivery = Delivery.objects.select_related("channel__account", "alert").get(pk=key)
        if hold := quiet_end(delivery.channel, now):
            release = {"state": DeliveryState.WAITING, "next_try": hold, "attempts": row[1]}
            Delivery.objects.filter(pk=key).update(**release)
            return None
        return Outgoing(delivery, SENDERS[delivery.channel.kind](delivery, now))
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception("Delivery %s could not be prepared", key)
        plan_next_try(key, row[1] + 1, f"It could not be prepared: {type(error).__name__}.", now)
        return None


async def send_one(out: Outgoing) -> DeliveryFailed | None:
    """Send one message; why it did not arrive, or None. Never raises."""
    try:
        await out.send()
    except DeliveryFailed as failure:
        return failure
    except Exception as error:
        log.exception("Delivery %s could not be sent", out.delivery.pk)
        return DeliveryFailed(f"It could not be sent: {type(error).__name__}.")
    return None


def write_down(one: Sent) -> bool:
    """Store how a message fared; whether it arrived."""
    delivery = one.job.item.delivery
    if one.result is None:
        note_success(delivery, one.at)
        return True
    note_failure(delivery, str(one.result), one.at, ours=one.result.ours)
    return False


def deliver(delivery: Delivery, now: datetime) -> bool:
    """Claim and send one message at once; whether it arrived."""
    out = claim(delivery.pk, now)
    if out is None:
        return False
    result = asyncio.run(send_one(out))
    return write_down(Done(Job(delivery.channel.account_id, delivery.pk, out), result, now))


def quiet_end(channel: Channel, now: datetime) -> datetime | None:
    """When the channel's quiet hours end, if `now` lies in them; they may cross midnight."""
    start, end = channel.quiet_from, channel.quiet_until
    if start is None or end is None or start == end:
        return None
    local = now.astimezone(ZoneInfo(channel.account.timezone))
    clock = local.time().replace(tzinfo=None)
    quiet = start <= clock < end if start < end else clock >= start or clock < end
    if not quiet:
        return None
    day = local.date() + timedelta(days=1 if end <= clock else 0)
    return datetime.combine(day, end, tzinfo=local.tzinfo)


def note_success(delivery: Delivery, now: datetime) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(state=DeliveryState.SENT, sent=now, error="")
    Channel.objects.filter(pk=delivery.channel_id).update(failing_since=None)


def note_failure(delivery: Delivery, error: str, now: datetime, *, ours: bool = False) -> None:
    """Plan the next try; after a day of failures in a row give up and switch the channel off, saying so. A failure of
    `ours`, such as a mail server that is away, is no reason to switch it off."""
    plan_next_try(delivery.pk, delivery.attempts, error, now)
    channel = delivery.channel
    if ours:
        return
    Channel.objects.filter(pk=channel.pk, failing_since=None).update(failing_since=now)
    channel.refresh_from_db()
    if channel.failing_since and now - channel.failing_since >= GIVE_UP_AFTER:
        switch_off(channel, error)


def plan_next_try(key: Any, attempts: int, error: str, now: datetime) -> None:
    """Let a failed message wait for its next try, or give it up a day after it was made."""
    row = Delivery.objects.filter(pk=key)
    expired = row.filter(created__lte=now - GIVE_UP_AFTER).exists()
    row.update(
        state=DeliveryState.FAILED if expired else DeliveryState.WAITING,
        next_try=now + pause_after(attempts),
        error=error[:300],
    )


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many tries."""
    return PAUSES[min(max(attempts, 1), len(PAUSES)) - 1]


def switch_off(channel: Channel, error: str) -> None:
    """Stop using `channel` and tell the account's owners by e-mail."""
    reason = f"Switched off after a day of failures: {error}"[:200]
    if not Channel.objects.filter(pk=channel.pk, enabled=True).update(enabled=False, switched_off=reason):
        return
    owners = channel.account.memberships.accepted().filter(role="owner").values_list("user__email", flat=True)
    text = f"{reason}\n\nNothing more is sent to “{channel.name}” until you switch it on again."
    subject, sender = one_line(f"Channel “{channel.name}” was switched off"), brand_of(channel.account).sender
    EmailMessage(subject, text, sender, list(owners)).send(fail_silently=True)
