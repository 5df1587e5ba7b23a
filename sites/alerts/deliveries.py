"""Sending of deliveries.

An e-mail is claimed before it is sent, and is not sent again once the mail server has accepted it or the worker has
died: a missing mail is better than two. A webhook is delivered at least once: when its claim expires, it is sent again
with growing pauses, always with the same delivery id, so that the receiver can drop repetitions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.mail import EmailMessage
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from accounts.audit.recording import record_action
from accounts.branding import load_brand
from accounts.mail import build_headers, join_to_line
from accounts.notices.kinds import BILLING_AWAY, BILLING_LOST, CHANNEL_STOPPED, DELIVERY_FAILED
from accounts.notices.services import notify
from accounts.run_each import run_each
from sites.alerts.models import (
    MAX_BILLING_AGE,
    MAX_DELIVERY_AGE,
    Channel,
    ChannelKind,
    Delivery,
    DeliveryState,
)
from sites.alerts.transports import SENDERS, DeliveryFailed, Send
from sites.fair_rounds import FinishedJob, Job, Slots, choose_rows, run_fair_round

log = logging.getLogger(__name__)
RETRY_PAUSES = [timedelta(seconds=seconds) for seconds in (10, 30, 120, 600, 1800, 3600)]
MIN_CLAIM = timedelta(minutes=2)
SWITCH_OFF_AFTER = timedelta(days=1)  # of failures in a row
TELL_OPERATORS_AFTER = timedelta(hours=1)  # of failures in a row of a webhook of theirs
INSTALLATION = 0  # in place of an account, for what is sent to the operator's billing system
MAX_RUNNING = 40  # deliveries that are sent at the same time
MAX_PER_ACCOUNT = 8
MAX_MAILS, MAX_MAILS_PER_ACCOUNT = 4, 1  # few, since a mail is lost if its worker dies while sending it
MAX_FAILURE_NOTICES = 500  # deliveries given up at once that notices are written of
ROUND_SECONDS = 30.0  # after this a round claims no more rows; the next one may begin a little earlier


@dataclass(frozen=True)
class PreparedDelivery:
    """A claimed delivery, ready to be sent."""

    delivery: Delivery
    send: Send


FinishedDelivery = FinishedJob[PreparedDelivery, DeliveryFailed | None]


def deliver_due(*, now: datetime) -> int:
    """Send the deliveries that are due or become due meanwhile; returns how many arrived.

    Safe to run twice and concurrently. Accounts do not delay each other: each has a limited number of slots, and a
    delivery that fails in whatever way is retried later by itself.
    """
    give_up_lost(now)
    arrived: list[Delivery] = []

    slots, mail_slots = Slots(MAX_RUNNING, MAX_PER_ACCOUNT), Slots(MAX_MAILS, MAX_MAILS_PER_ACCOUNT)

    def write_result(sent: FinishedDelivery) -> None:
        if record_result(sent):
            arrived.append(sent.job.item.delivery)

    def write(finished_deliveries: list[FinishedDelivery]) -> None:
        for sent in finished_deliveries:
            mail_slots.release(sent.job)
        run_each(finished_deliveries, write_result, what="Delivery")

    run_fair_round(
        claim=lambda slots, at: claim_due(slots, mail_slots, at), work=send_prepared, write=write, slots=slots,
        seconds=ROUND_SECONDS, now=now,
    )  # fmt: skip
    return len(arrived)


def select_due(now: datetime) -> QuerySet[Delivery]:
    """Select the deliveries that may be sent now, with their account as `owner`."""
    unsent = Q(state=DeliveryState.WAITING) | Q(state=DeliveryState.SENDING) & ~Q(channel__kind=ChannelKind.EMAIL)
    due = Delivery.objects.filter(unsent, next_try__lte=now, channel__in=Channel.objects.usable())
    return due.annotate(owner=Coalesce("channel__account_id", INSTALLATION))


def is_too_old(now: datetime) -> Q:
    """Build the condition on deliveries that are not tried again."""
    of_account = Q(channel__account__isnull=False, created__lte=now - MAX_DELIVERY_AGE)
    return of_account | Q(channel__account=None, created__lte=now - MAX_BILLING_AGE)


def give_up_lost(now: datetime) -> None:
    """Give up deliveries that will not be sent: mails whose worker died while sending, since a retry could send them
    twice; webhooks whose workers died each time; what waited too long for a channel that is off or not confirmed."""
    lost = Delivery.objects.filter(state=DeliveryState.SENDING, next_try__lte=now)
    old = is_too_old(now)
    blocked = Delivery.objects.filter(old, state=DeliveryState.WAITING).exclude(channel__in=Channel.objects.usable())
    for rows, reason in (
        (lost.filter(channel__kind=ChannelKind.EMAIL), "The worker ended while it was sent; it may have arrived."),
        (lost.filter(old), "The worker ended each time while it was sent."),
        (blocked, "Its channel was off or not confirmed for too long."),
    ):
        keys = list(rows.values_list("pk", flat=True))
        Delivery.objects.filter(pk__in=keys).update(state=DeliveryState.FAILED, error=reason)
        notify_of_failures(keys)


def notify_of_failures(keys: Sequence[UUID]) -> None:
    """Tell the managers of the accounts that deliveries were given up."""
    failed = Delivery.objects.filter(pk__in=keys).select_related("channel__account", "alert")
    for delivery in failed.order_by("created")[:MAX_FAILURE_NOTICES]:
        account, key = delivery.channel.account, str(delivery.pk)
        about = {"subject": delivery.subject, "channel": delivery.channel.name, "error": delivery.error}
        page = {"site_id": delivery.alert.site_id} if delivery.alert else {}
        if account is None:
            notify(BILLING_LOST, about, account=None, key=key)
        else:
            notify(DELIVERY_FAILED, {**about, **page}, account=account, key=key)


def claim_due(slots: Slots, mail_slots: Slots, now: datetime) -> list[Job[PreparedDelivery]]:
    """Claim and prepare the deliveries that can be sent now; e-mails have a few slots of their own."""
    is_mail = Q(channel__kind=ChannelKind.EMAIL)
    jobs: list[Job[PreparedDelivery]] = []
    for rows, free in (
        (select_due(now).filter(is_mail), mail_slots),
        (select_due(now).filter(~is_mail), slots),
    ):
        chosen = choose_rows(rows, "owner", "next_try", free)
        claimed = run_each(chosen, lambda row: (row[1], claim_delivery(row[0], now)), what="Delivery")
        jobs += [Job(account_id, message.delivery.pk, message) for account_id, message in claimed if message]
    for job in jobs:
        if job.item.delivery.channel.kind == ChannelKind.EMAIL:
            mail_slots.occupy(job)
    return jobs


def claim_delivery(key: UUID, now: datetime) -> PreparedDelivery | None:
    """Claim one delivery and prepare it.

    Returns None if another worker has it, its channel has quiet hours, or it cannot be prepared (a failed try). Every
    claim lasts longer than the one before, in case the delivery crashes its workers.
    """
    row = Delivery.objects.filter(pk=key).values_list("next_try", "attempts").first()
    if row is None:
        return None
    unclaimed = Delivery.objects.filter(pk=key, next_try=row[0], attempts=row[1])
    until = now + max(MIN_CLAIM, find_pause(row[1] + 1))
    if not unclaimed.update(state=DeliveryState.SENDING, next_try=until, attempts=row[1] + 1):
        return None
    try:
        delivery = Delivery.objects.select_related("channel__account", "alert").get(pk=key)
        if quiet_end := find_quiet_end(delivery.channel, now):
            release = {"state": DeliveryState.WAITING, "next_try": quiet_end, "attempts": row[1]}
            Delivery.objects.filter(pk=key).update(**release)
            return None
        return PreparedDelivery(delivery, SENDERS[delivery.channel.kind](delivery, now))
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception("Delivery %s could not be prepared", key)
        schedule_next_try(key, row[1] + 1, f"It could not be prepared: {type(error).__name__}.", now)
        return None


async def send_prepared(message: PreparedDelivery) -> DeliveryFailed | None:
    """Send one delivery; returns why it did not arrive, or None. Never raises."""
    try:
        await message.send()
    except DeliveryFailed as failure:
        return failure
    except Exception as error:
        log.exception("Delivery %s could not be sent", message.delivery.pk)
        return DeliveryFailed(f"It could not be sent: {type(error).__name__}.")
    return None


def record_result(sent: FinishedDelivery) -> bool:
    """Store the result of a delivery; returns whether it arrived."""
    delivery = sent.job.item.delivery
    if sent.result is None:
        record_success(delivery, sent.at)
        return True
    record_failure(delivery, str(sent.result), sent.at, internal=sent.result.internal)
    return False


def deliver(delivery: Delivery, now: datetime) -> bool:
    """Claim and send one delivery now; returns whether it arrived."""
    message = claim_delivery(delivery.pk, now)
    if message is None:
        return False
    result = asyncio.run(send_prepared(message))
    owner = delivery.channel.account_id or INSTALLATION
    return record_result(FinishedJob(Job(owner, delivery.pk, message), result, now))


def find_quiet_end(channel: Channel, now: datetime) -> datetime | None:
    """Return when the channel's quiet hours end, if `now` lies in them; they may cross midnight."""
    start, end = channel.quiet_from, channel.quiet_until
    if start is None or end is None or start == end or channel.account is None:
        return None
    local = now.astimezone(ZoneInfo(channel.account.timezone))
    clock = local.time().replace(tzinfo=None)
    is_quiet = start <= clock < end if start < end else clock >= start or clock < end
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=1 if end <= clock else 0)
    return datetime.combine(day, end, tzinfo=local.tzinfo)


def record_success(delivery: Delivery, now: datetime) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(state=DeliveryState.SENT, sent=now, error="")
    Channel.objects.filter(pk=delivery.channel_id).update(failing_since=None)


def record_failure(delivery: Delivery, error: str, now: datetime, *, internal: bool = False) -> None:
    """Schedule the next try; after a day of consecutive failures switch the channel off and mail the owners. A webhook
    of the operator is never switched off: operators are told after an hour.

    An `internal` failure, such as a mail server that is down, does not count against the channel.
    """
    schedule_next_try(delivery.pk, delivery.attempts, error, now)
    channel = delivery.channel
    if internal:
        return
    Channel.objects.filter(pk=channel.pk, failing_since=None).update(failing_since=now)
    channel.refresh_from_db()
    failing_for = now - (channel.failing_since or now)
    if channel.account is not None and failing_for >= SWITCH_OFF_AFTER:
        switch_off(channel, error)
    elif channel.account is None and failing_for >= TELL_OPERATORS_AFTER:
        key = f"{channel.pk}:{channel.failing_since:%Y-%m-%dT%H:%M:%S}"
        notify(BILLING_AWAY, {"channel": channel.name, "error": error}, account=None, key=key)


def schedule_next_try(key: UUID, attempts: int, error: str, now: datetime) -> None:
    """Schedule the next try of a failed delivery, or give it up if it is too old."""
    row = Delivery.objects.filter(pk=key)
    expired = row.filter(is_too_old(now)).exists()
    row.update(
        state=DeliveryState.FAILED if expired else DeliveryState.WAITING,
        next_try=now + find_pause(attempts),
        error=error[:300],
    )
    if expired:
        notify_of_failures([key])


def find_pause(attempts: int) -> timedelta:
    """Return how long to wait after that many tries."""
    return RETRY_PAUSES[min(max(attempts, 1), len(RETRY_PAUSES)) - 1]


def switch_off(channel: Channel, error: str) -> None:
    """Switch the channel off and mail the account's owners."""
    reason = f"Switched off after a day of failures: {error}"[:200]
    with transaction.atomic():
        if not Channel.objects.filter(pk=channel.pk, enabled=True).update(enabled=False, switched_off=reason):
            return
        record_action("channel.stopped", channel, changes={"switched_off": (None, reason)})
        notify(CHANNEL_STOPPED, {"channel": channel.name, "error": error}, account=channel.owner)
    owners = channel.owner.memberships.accepted().filter(role="owner").values_list("user__email", flat=True)
    text = f"{reason}\n\nNothing more is sent to “{channel.name}” until you switch it on again."
    subject, sender = join_to_line(f"Channel “{channel.name}” was switched off"), load_brand(channel.owner).sender
    EmailMessage(subject, text, sender, list(owners), headers=build_headers(sender)).send(fail_silently=True)
