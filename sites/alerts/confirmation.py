"""Confirmation of e-mail channels by their recipients, who can also stop the messages at any time.

Anybody can enter anybody's address. So an address that is not a member's first gets one mail with a link, a few a day
at most over all accounts; that mail has no text in which the sender could advertise. A link on the host of a white
label is not enough: the account controls that host and can read it, so the mail also has a code.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts import mail
from accounts.account_limits import get_account_limit
from accounts.audit.recording import record_action
from accounts.branding import load_brand
from accounts.mail import simplify_brand_name, simplify_name
from accounts.models import Account
from accounts.security import rate_limits
from sites.alerts.models import Channel, ChannelKind

CONFIRM_LINK_LIFETIME = timedelta(days=7)
DAY, HOUR = 86_400, 3_600  # seconds
CONFIRM_ADDRESS = rate_limits.RateLimit(
    "channel-confirm-address", 3, DAY
)  # mails to one address, from all accounts together
CONFIRM_CODE = rate_limits.RateLimit("channel-confirm-code", 10, DAY)  # codes that were entered for one channel
CONFIRM_SALT, STOP_SALT = "sites.alerts.confirm", "sites.alerts.stop"
CODE_SALT = "sites.alerts.confirm-by-code"  # of links on hosts that accounts control


def is_member_address(account: Account, address: str) -> bool:
    """Return whether the address belongs to a member of the account who can log in."""
    members = account.memberships.accepted().filter(user__email=address, user__is_active=True)
    return members.exclude(user__password__startswith=UNUSABLE_PASSWORD_PREFIX).exists()


def count_test_message(account: Account) -> None:
    """Count one test message of the account. Raises ValidationError above its limit for an hour."""
    maximum = get_account_limit(account, "test_messages_per_hour")
    if rate_limits.count_attempt((rate_limits.RateLimit("channel-test", maximum, HOUR), str(account.pk))):
        raise ValidationError(f"This account may send {maximum} test messages an hour. Try again later.")


def confirmation_send(*, channel: Channel) -> None:
    """Mail the link that confirms the channel's address.

    Raises ValidationError above the limits for the account and for the address, and OSError when the mail server
    cannot be reached.
    """
    maximum = get_account_limit(channel.owner, "invitations_per_day")
    if rate_limits.count_attempt(
        (rate_limits.RateLimit("channel-confirm-account", maximum, DAY), str(channel.account_id))
    ):
        raise ValidationError(f"This account may have {maximum} addresses confirmed a day. Try again tomorrow.")
    if rate_limits.count_attempt((CONFIRM_ADDRESS, channel.target.strip().lower())):
        raise ValidationError("This address was sent several confirmation mails today. Try again tomorrow.")
    brand = simplify_brand_name(load_brand(channel.owner))
    token = create_token(channel, CODE_SALT if brand.white_label else CONFIRM_SALT)
    mail.send(
        to=channel.target,
        template="alerts/channel_confirmation.txt",
        brand=brand,
        account_name=simplify_name(str(channel.owner)),
        link=brand.base_url + reverse("alerts:channel-confirm", args=[token]),
        confirmation_code=build_code(token) if brand.white_label else "",
        days=CONFIRM_LINK_LIFETIME.days,
    )


def build_stop_link(channel: Channel) -> str:
    """Build the URL at which the recipient of the channel's e-mail stops its messages."""
    return f"{load_brand(channel.owner).base_url}/channels/stop/{create_token(channel, STOP_SALT)}"


def create_token(channel: Channel, salt: str) -> str:
    """Create a signed token for this channel, valid while it has its present address."""
    return signing.dumps([channel.pk, hash_address(channel)], salt=salt)


def build_code(token: str) -> str:
    """Build the code of eight digits that belongs to a link."""
    return f"{int(salted_hmac(CODE_SALT, token).hexdigest(), 16) % 10**8:08d}"


def check_code(channel: Channel, token: str, entered: str) -> None:
    """Count an attempt to enter the code of a link. Raises ValidationError for a wrong one, and after too many."""
    wait = rate_limits.count_attempt((CONFIRM_CODE, str(channel.pk)))
    if wait:
        raise ValidationError(rate_limits.format_wait_message(wait))
    if not constant_time_compare("".join(entered.split()), build_code(token)):
        raise ValidationError("This is not the code in the mail.")


def hash_address(channel: Channel) -> str:
    """Return a digest of the channel's address, so that a token ends when the address changes."""
    return hashlib.sha256(channel.target.strip().lower().encode()).hexdigest()[:32]


def find_channel_by_token(token: str, salt: str, max_age: timedelta | None = None) -> Channel | None:
    """Find the channel of a token; None if the token is invalid or expired, or the channel has another address."""
    try:
        channel_id, digest = signing.loads(token, salt=salt, max_age=max_age)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    channel = Channel.objects.filter(pk=channel_id, kind=ChannelKind.EMAIL).select_related("account").first()
    return channel if channel and hash_address(channel) == digest else None


@transaction.atomic
def channel_confirm(*, channel: Channel, now: datetime) -> None:
    """Confirm the channel, unless its address has changed meanwhile. Confirming twice does nothing."""
    row = Channel.objects.select_for_update().filter(pk=channel.pk, confirmed=None).first()
    if row is not None and hash_address(row) == hash_address(channel):
        row.confirmed = now
        row.save(update_fields=["confirmed"])
        record_action("channel.confirmed", row)


@transaction.atomic
def channel_stop(*, channel: Channel) -> None:
    """Stop the channel for its recipient: it must be confirmed again before anything more is sent."""
    reason = "The recipient stopped the messages. Switch it on to ask again."
    Channel.objects.filter(pk=channel.pk).update(enabled=False, confirmed=None, switched_off=reason)
    record_action("channel.stopped", channel, changes={"switched_off": (None, reason)})
