"""Consent of those who read an e-mail address: asked for before anything is sent there, taken back at any time.

Anybody may type anybody's address. So an address that is no member's first gets one mail with a link, which carries
nothing its sender could write an advertisement with, and at most a few of them a day whoever asks.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from datetime import datetime, timedelta

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import mail, throttle
from accounts.brand import brand_of
from accounts.limits import account_limit
from accounts.models import Account
from sites.alerts.models import Channel, ChannelKind

LINK_LASTS = timedelta(days=7)
DAY, HOUR = 86_400, 3_600  # seconds
CONFIRM_ADDRESS = throttle.Limit("channel-confirm-address", 3, DAY)  # mails to one address, from all accounts together
CONFIRM_SALT, STOP_SALT = "sites.alerts.confirm", "sites.alerts.stop"
NOT_PLAIN = re.compile(r"[^\w\s&'’+-]")
MAX_NAME = 60


def is_member_address(account: Account, address: str) -> bool:
    """Whether the address is that of somebody who is in the account and can log in."""
    members = account.memberships.accepted().filter(user__email=address.strip().lower(), user__is_active=True)
    return members.exclude(user__password__startswith=UNUSABLE_PASSWORD_PREFIX).exists()


def plain_name(text: str) -> str:
    """A name without anything that a mail program could make a link of, and not long."""
    return " ".join(NOT_PLAIN.sub(" ", text).replace("_", " ").split())[:MAX_NAME].strip()


def count_test_message(account: Account) -> None:
    """Count one test message of the account. Raises ValidationError above its limit for an hour."""
    most = account_limit(account, "test_messages_per_hour")
    if throttle.count_attempt((throttle.Limit("channel-test", most, HOUR), str(account.pk))):
        raise ValidationError(f"This account may send {most} test messages an hour. Try again later.")


def confirmation_send(*, channel: Channel) -> None:
    """Mail the link that confirms the channel's address.

    Raises ValidationError above the limits for the account and for the address, and OSError when the mail server
    cannot be reached.
    """
    most = account_limit(channel.account, "invitations_per_day")
    if throttle.count_attempt((throttle.Limit("channel-confirm-account", most, DAY), str(channel.account_id))):
        raise ValidationError(f"This account may have {most} addresses confirmed a day. Try again tomorrow.")
    if throttle.count_attempt((CONFIRM_ADDRESS, channel.target.strip().lower())):
        raise ValidationError("This address was asked several times today. Try again tomorrow.")
    brand = brand_of(channel.account)
    mail.send(
        to=channel.target,
        template="channel_confirmation",
        brand=dataclasses.replace(brand, name=plain_name(brand.name) or "Web analytics"),
        account_name=plain_name(str(channel.account)),
        link=f"{brand.base_url}/channels/confirm/{token_of(channel, CONFIRM_SALT)}",
        days=LINK_LASTS.days,
    )


def stop_link(channel: Channel) -> str:
    """Where the reader of the channel's address ends its messages."""
    return f"{brand_of(channel.account).base_url}/channels/stop/{token_of(channel, STOP_SALT)}"


def token_of(channel: Channel, salt: str) -> str:
    """A signed word for this channel while it has this address."""
    return signing.dumps([channel.pk, address_digest(channel)], salt=salt)


def address_digest(channel: Channel) -> str:
    return hashlib.sha256(channel.target.strip().lower().encode()).hexdigest()[:32]


def channel_of_token(token: str, salt: str, lasts: timedelta | None = None) -> Channel | None:
    """The channel of a signed word; None when the word is wrong or too old, or the channel has another address."""
    try:
        key, digest = signing.loads(token, salt=salt, max_age=lasts)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    channel = Channel.objects.filter(pk=key, kind=ChannelKind.EMAIL).select_related("account").first()
    return channel if channel and address_digest(channel) == digest else None


@transaction.atomic
def channel_confirm(*, channel: Channel, now: datetime) -> None:
    """The reader agrees; agreeing twice is fine."""
    Channel.objects.filter(pk=channel.pk, confirmed=None).update(confirmed=now)


@transaction.atomic
def channel_stop(*, channel: Channel) -> None:
    """The reader wants no more: nothing is sent until they agree again, whoever switches the channel on."""
    reason = "The recipient ended the messages. Switch it on to ask again."
    Channel.objects.filter(pk=channel.pk).update(enabled=False, confirmed=None, switched_off=reason)
