"""Consent of those who read an e-mail address: asked for before anything is sent there, taken back at any time.

Anybody may type anybody's address. So an address that is no member's first gets one mail with a link, which carries
nothing its sender could write an advertisement with, and at most a few of them a day whoever asks.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import mail, throttle
from accounts.brand import brand_of
from accounts.limits import account_limit
from accounts.mail import plain_brand, plain_name
from accounts.models import Account
from sites.alerts.models import Channel, ChannelKind

LINK_LASTS = timedelta(days=7)
MAX_A_DAY = 3  # confirmation mails to one address, from all accounts together
DAY, HOUR = 86_400, 3_600
CONFIRM_ADDRESS = throttle.Limit("confirm-address", MAX_A_DAY, DAY)
CONFIRM_SALT, STOP_SALT = "sites.alerts.confirm", "sites.alerts.stop"


def is_member_address(account: Account, address: str) -> bool:
    """Whether the address is that of somebody who is in the account and can log in."""
    members = account.memberships.accepted().filter(user__email=address.strip().lower(), user__is_active=True)
    return members.exclude(user__password__startswith=UNUSABLE_PASSWORD_PREFIX).exists()


def take_test_message(account: Account) -> None:
    """Count one test message of the account. Raises ValidationError when it has sent enough in this hour."""
    most = account_limit(account, "test_messages_per_hour")
    if throttle.take((throttle.Limit("alerts-test", most, HOUR), str(account.pk))):
        raise ValidationError(f"This account may send {most} test messages an hour. Try again later.")


def confirmation_send(*, channel: Channel) -> None:
    """Ask the reader of the channel's address to agree. Raises ValidationError when that was asked often enough, and
    OSError when the mail server is away."""
    most = account_limit(channel.account, "invitations_per_day")
    if throttle.take((throttle.Limit("confirm-account", most, DAY), str(channel.account_id))):
        raise ValidationError(f"This account may have {most} addresses confirmed a day. Try again tomorrow.")
    if throttle.take((CONFIRM_ADDRESS, channel.target.strip().lower())):
        raise ValidationError("This address was asked several times today. Try again tomorrow.")
    brand = plain_brand(brand_of(channel.account))
    mail.send(
        to=channel.target,
        template="channel_confirmation",
        brand=brand,
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
    """The reader of the channel's address agrees, unless it has another one by now; agreeing twice is fine."""
    row = Channel.objects.select_for_update().filter(pk=channel.pk, confirmed=None).first()
    if row is not None and address_digest(row) == address_digest(channel):
        row.confirmed = now
        row.save(update_fields=["confirmed"])


@transaction.atomic
def channel_stop(*, channel: Channel) -> None:
    """The reader wants no more: nothing is sent until they agree again, whoever switches the channel on."""
    reason = "Whoever reads this address ended the messages."
    Channel.objects.filter(pk=channel.pk).update(enabled=False, confirmed=None, switched_off=reason)
