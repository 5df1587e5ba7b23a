"""What ends when a member leaves: the channels that mail to them; and which webhooks' secrets they could read."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from accounts.models import Account, Membership
from accounts.permissions import membership_may
from accounts.revocation import DependentAccess, SharedKeys
from sites.alerts.models import Channel, ChannelKind
from sites.alerts.services import WEBHOOK_KIND, channel_secret_replace


def find_readable_webhook_secrets(membership: Membership) -> set[tuple[int, str]]:
    """Return (channel id, name of the secret): editors of an account can read the secrets of its webhooks."""
    if not membership_may(membership, "edit"):
        return set()
    webhooks = Channel.objects.filter(account=membership.account, kind=ChannelKind.WEBHOOK)
    return {(channel_id, "secret") for channel_id in webhooks.values_list("pk", flat=True)}


def load_webhook_names(account: Account, ids: Collection[int]) -> dict[int, str]:
    """Return the names of channels by id."""
    return dict(Channel.objects.filter(account=account, pk__in=list(ids)).values_list("pk", "name"))


def replace_webhook_secret(account: Account, channel_id: int) -> None:
    """Replace the secret of a channel of the account; does nothing if the channel is gone."""
    channel = Channel.objects.filter(account=account, pk=channel_id).first()
    if channel is not None:
        channel_secret_replace(channel=channel)


def find_ending_channels(membership: Membership, leaves: bool) -> list[Channel]:
    """Find the channels that mail the account's alerts to a member who leaves it."""
    if not leaves:
        return []
    email = membership.user.email
    mail_channels = Channel.objects.filter(account=membership.account, kind=ChannelKind.EMAIL, enabled=True)
    return [channel for channel in mail_channels if channel.target.strip().lower() == email]


def end_channel(channel: Channel, now: datetime) -> None:
    """Switch a channel off, with the reason. If it is switched on again, the person has to confirm it first."""
    reason = "Switched off: the person it mails to left the account."
    Channel.objects.filter(pk=channel.pk).update(enabled=False, confirmed=None, switched_off=reason)


MAIL_CHANNELS = DependentAccess("Alert channels that mail to them", find_ending_channels, end_channel)
WEBHOOK_SECRETS = SharedKeys(
    WEBHOOK_KIND, "Webhook secret", find_readable_webhook_secrets, load_webhook_names, replace_webhook_secret
)
