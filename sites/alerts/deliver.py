"""Deliveries on their way out.

An e-mail is claimed before it is sent and never tried again after the mail server took it or the worker died: better
a missing mail than two. A hook is delivered at least once: its claim runs out, it is tried again with growing pauses,
always with the same delivery id, so that the receiver can drop repeats.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db.models import Q
from django.template.loader import render_to_string

from accounts.brand import brand_of
from sites.alerts.models import Channel, ChannelKind, Delivery, DeliveryState
from sites.outbound import OutboundError, fetch

log = logging.getLogger(__name__)
PAUSES = [timedelta(seconds=s) for s in (10, 30, 120, 600, 1800, 3600)]
CLAIM = timedelta(minutes=2)
GIVE_UP_AFTER = timedelta(days=1)
MOST = 200


class DeliveryFailed(Exception):
    """Why a message did not arrive, as a sentence."""


def deliver_due(*, now: datetime) -> int:
    """Send what is due; the number of messages that arrived. Safe to run twice and side by side."""
    give_up_mails(now)
    waiting = Q(state=DeliveryState.WAITING) | Q(state=DeliveryState.SENDING) & ~Q(channel__kind=ChannelKind.EMAIL)
    due = Delivery.objects.filter(waiting, next_try__lte=now, channel__enabled=True).select_related("channel__account")
    return sum(deliver(delivery, now) for delivery in due.order_by("next_try")[:MOST])


def give_up_mails(now: datetime) -> None:
    """Say of a mail whose worker died with it that nobody knows: sending it again could make it two."""
    lost = Delivery.objects.filter(
        state=DeliveryState.SENDING, channel__kind=ChannelKind.EMAIL, next_try__lte=now
    ).values_list("pk", flat=True)
    Delivery.objects.filter(pk__in=list(lost)).update(
        state=DeliveryState.FAILED, error="The worker ended while it was sent; it may have arrived."
    )


def deliver(delivery: Delivery, now: datetime) -> bool:
    """Claim and send one message; whether it arrived."""
    hold = quiet_end(delivery.channel, now)
    if hold:
        Delivery.objects.filter(pk=delivery.pk).update(next_try=hold)
        return False
    claimed = Delivery.objects.filter(pk=delivery.pk, next_try=delivery.next_try, attempts=delivery.attempts).update(
        state=DeliveryState.SENDING, next_try=now + CLAIM, attempts=delivery.attempts + 1
    )
    if not claimed:
        return False
    delivery.attempts += 1
    try:
        SENDERS[delivery.channel.kind](delivery, now)
    except DeliveryFailed as failure:
        note_failure(delivery, str(failure), now)
        return False
    note_success(delivery, now)
    return True


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


def note_failure(delivery: Delivery, error: str, now: datetime) -> None:
    """Plan the next try; after a day of failures in a row give up and switch the channel off, saying so."""
    channel = delivery.channel
    Channel.objects.filter(pk=channel.pk, failing_since=None).update(failing_since=now)
    channel.refresh_from_db()
    pause = PAUSES[min(delivery.attempts - 1, len(PAUSES) - 1)]
    expired = now - delivery.created >= GIVE_UP_AFTER
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.FAILED if expired else DeliveryState.WAITING,
        next_try=now + pause,
        error=error[:300],
    )
    if channel.failing_since and now - channel.failing_since >= GIVE_UP_AFTER:
        switch_off(channel, error)


def switch_off(channel: Channel, error: str) -> None:
    """Stop using `channel` and tell the account's owners by e-mail."""
    reason = f"Switched off after a day of failures: {error}"[:200]
    if not Channel.objects.filter(pk=channel.pk, enabled=True).update(enabled=False, switched_off=reason):
        return
    owners = channel.account.memberships.accepted().filter(role="owner").values_list("user__email", flat=True)
    text = f"{reason}\n\nNothing more is sent to “{channel.name}” until you switch it on again."
    subject, sender = f"Channel “{channel.name}” was switched off", brand_of(channel.account).sender
    EmailMessage(subject, text, sender, list(owners)).send(fail_silently=True)


def send_email(delivery: Delivery, now: datetime) -> None:
    try:
        letter(delivery).send()
    except OSError as error:  # smtplib's errors are OSErrors
        raise DeliveryFailed(f"The mail server did not take it: {error}") from error


def letter(delivery: Delivery) -> EmailMultiAlternatives:
    """The mail of a message, text and HTML, in the name of the account's brand."""
    brand = brand_of(delivery.channel.account)
    site_id = delivery.alert.site_id if delivery.alert else None
    context = {"delivery": delivery, "brand": brand, "site_id": site_id}
    text = render_to_string("mail/alert.txt", context).strip() + "\n"
    message = EmailMultiAlternatives(delivery.subject, text, brand.sender, [delivery.channel.target])
    message.attach_alternative(render_to_string("mail/alert.html", context), "text/html")
    return message


def send_slack(delivery: Delivery, now: datetime) -> None:
    post(delivery, {"text": f"*{delivery.subject}*\n{delivery.text}"}, {})


def send_webhook(delivery: Delivery, now: datetime) -> None:
    body = {
        "id": str(delivery.pk),
        "created": delivery.created.isoformat(),
        "subject": delivery.subject,
        "text": delivery.text,
        **delivery.payload,
    }
    stamp = str(int(now.timestamp()))
    signature = sign(delivery.channel.secret, stamp, json.dumps(body).encode())
    post(delivery, body, {"X-Timestamp": stamp, "X-Signature": f"sha256={signature}"})


def sign(secret: str, stamp: str, body: bytes) -> str:
    """HMAC-SHA256 of `timestamp.body`, hexadecimal: what a receiver computes to know the message is ours."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def post(delivery: Delivery, body: dict[str, object], headers: dict[str, str]) -> None:
    if not (delivery.channel.target and delivery.channel.secret):
        raise DeliveryFailed("The channel's stored address or secret cannot be decrypted; enter it again.")
    given = {"Content-Type": "application/json", "X-Delivery-Id": str(delivery.pk), **headers}
    try:
        answer = fetch(
            delivery.channel.target,
            method="POST",
            headers=given,
            content=json.dumps(body).encode(),
            timeout=15,
        )
    except OutboundError as error:
        raise DeliveryFailed(str(error)) from error
    if not 200 <= answer.status < 300:
        raise DeliveryFailed(f"The hook answered {answer.status}.")


SENDERS: dict[str, Callable[[Delivery, datetime], None]] = {
    ChannelKind.EMAIL: send_email,
    ChannelKind.SLACK: send_slack,
    ChannelKind.WEBHOOK: send_webhook,
}
