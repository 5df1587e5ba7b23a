"""Tries a channel: sends it a test message, or the mail that asks its recipient to confirm the address."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError

from accounts.audit.recording import record_event
from sites.alerts.condition_registry import AlertNotification
from sites.alerts.confirmation import confirmation_send, count_test_message
from sites.alerts.deliveries import deliver
from sites.alerts.models import Channel
from sites.alerts.services import delivery_queue


def test_message_send(*, channel: Channel, place: str, now: datetime) -> tuple[str, bool]:
    """Send a test message; returns a sentence about the outcome, and whether it arrived.

    `place` names the site or account that the test is for.

    Raises ValidationError for an address that is not confirmed, and above the limit of the account.
    """
    if channel.waits_for_confirmation:
        raise ValidationError("Nothing is sent to this address until its recipient has confirmed it.")
    if channel.account is not None:
        count_test_message(channel.account)
    record_event("channel.tested", channel)
    text = f"This is a test of “{channel.name}” for {place}."
    delivery = delivery_queue(
        channel=channel, notification=AlertNotification(f"test-{now.timestamp()}", "Test message", text), now=now
    )
    if delivery is None:
        return "It was not sent: another test message was sent at the same moment.", False
    if deliver(delivery, now):
        return "The test message was sent.", True
    delivery.refresh_from_db()
    return f"It was not sent. {delivery.error or 'It waits until the quiet hours of this channel are over.'}", False


def ask_to_confirm(channel: Channel) -> tuple[str, bool]:
    """Send the mail that asks the recipient to confirm; returns a sentence about it, and whether it was sent."""
    try:
        confirmation_send(channel=channel)
    except ValidationError as error:
        return f"{channel} waits for confirmation. {' '.join(error.messages)}", False
    except OSError as error:
        return f"{channel} waits for confirmation, but the mail could not be sent: {error}", False
    sentence = "We have mailed the recipient a link to confirm it; nothing else is sent before."
    return f"{channel} waits for confirmation. {sentence}", True
