"""How a delivery is prepared and sent, by kind of channel.

`prepare_…` may read the database. It returns a coroutine function that sends it and may not, because it runs
in an event loop with many others.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import smtplib
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from accounts.branding import load_brand
from accounts.mail import build_headers, join_to_line
from sites.alerts.confirmation import build_stop_link
from sites.alerts.models import ChannelKind, Delivery
from sites.outbound import OutboundError, OutboundNotSent, fetch_async

WEBHOOK_SECONDS = 15
MAX_RESPONSE_BYTES = 2_000  # of a hook; the body is not used
Send = Callable[[], Awaitable[None]]


class DeliveryFailed(Exception):
    """Why a message did not arrive, as a sentence. `internal`: for a reason that has nothing to do with the channel."""

    def __init__(self, message: str, *, internal: bool = False) -> None:
        super().__init__(message)
        self.internal = internal


def prepare_email(delivery: Delivery, now: datetime) -> Send:
    return partial(send_email, build_email(delivery))


async def send_email(message: EmailMultiAlternatives) -> None:
    """Send a mail to the mail server. Raises DeliveryFailed."""
    try:
        await asyncio.to_thread(message.send)
    except smtplib.SMTPRecipientsRefused as error:
        raise DeliveryFailed(f"The mail server refused the address: {error}") from error
    except OSError as error:  # smtplib's other errors are OSErrors too
        raise DeliveryFailed(f"The mail server did not accept the mail: {error}", internal=True) from error


def build_email(delivery: Delivery) -> EmailMultiAlternatives:
    """Build the mail of a message as text and HTML, from the account's brand and with a link that stops such mails."""
    brand, stop = load_brand(delivery.channel.owner), build_stop_link(delivery.channel)
    site = delivery.alert.site if delivery.alert else None
    zone = site.timezone if site else "UTC"
    context = {"delivery": delivery, "brand": brand, "site_id": site.pk if site else None, "stop": stop, "zone": zone}
    message = EmailMultiAlternatives(
        subject=join_to_line(delivery.subject),
        body=render_to_string("alerts/mail.txt", context).strip() + "\n",
        from_email=brand.sender,
        to=[delivery.channel.target],
        headers=build_headers(brand.sender, stop),
    )
    message.attach_alternative(render_to_string("alerts/mail.html", context), "text/html")
    return message


def prepare_slack(delivery: Delivery, now: datetime) -> Send:
    subject, text = escape_slack(join_to_line(delivery.subject)), escape_slack(delivery.text)
    return partial(post_to_webhook, delivery, {"text": f"*{subject}*\n{text}"}, {})


def escape_slack(text: str) -> str:
    """Escape text for Slack: without it, text could contain disguised links and mentions such as <!channel>."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def prepare_webhook(delivery: Delivery, now: datetime) -> Send:
    body = {
        "id": str(delivery.pk),
        "created": delivery.created.isoformat(),
        "subject": delivery.subject,
        "text": delivery.text,
        **delivery.payload,
    }
    timestamp = str(int(now.timestamp()))
    signature = sign(delivery.channel.secret, timestamp, json.dumps(body).encode())
    return partial(post_to_webhook, delivery, body, {"X-Timestamp": timestamp, "X-Signature": f"sha256={signature}"})


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return the hexadecimal HMAC-SHA256 of `timestamp.body`, which a receiver compares with its own."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


async def post_to_webhook(delivery: Delivery, body: dict[str, object], headers: dict[str, str]) -> None:
    """POST a JSON body to the channel's hook. Raises DeliveryFailed.

    Redirects are not followed, because signature and text are meant for the address that was entered.
    """
    if not (delivery.channel.target and delivery.channel.secret):
        raise DeliveryFailed(
            "The channel's stored address or secret cannot be decrypted; enter it again.", internal=True
        )
    all_headers = {"Content-Type": "application/json", "X-Delivery-Id": str(delivery.pk), **headers}
    content = json.dumps(body).encode()
    try:
        response = await fetch_async(
            delivery.channel.target, method="POST", headers=all_headers, content=content, timeout=WEBHOOK_SECONDS,
            follow=False, max_bytes=MAX_RESPONSE_BYTES,
        )  # fmt: skip
    except OutboundError as error:
        raise DeliveryFailed(str(error), internal=isinstance(error, OutboundNotSent)) from error
    if 300 <= response.status < 400:
        raise DeliveryFailed(f"The hook answered {response.status}. Enter the address that it redirects to.")
    if not 200 <= response.status < 300:
        raise DeliveryFailed(f"The hook answered {response.status}.")


SENDERS: dict[str, Callable[[Delivery, datetime], Send]] = {
    ChannelKind.EMAIL: prepare_email,
    ChannelKind.SLACK: prepare_slack,
    ChannelKind.WEBHOOK: prepare_webhook,
}
