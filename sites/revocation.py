"""What a member's leaving means for the account's sites: keys and channels that end, and secrets they could read."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from accounts.models import Account, Membership
from accounts.permissions import Bearer, membership_may
from accounts.revocation import DependentAccess, SharedKeys
from sites.access import KIND, list_existing_sites, sites_for_actor
from sites.alerts.models import Channel, ChannelKind
from sites.alerts.services import WEBHOOK_KIND, channel_secret_replace
from sites.models import ApiKey, Site
from sites.services import PROXY_KIND, api_key_revoke, site_keys_rotate, site_proxy_secret_replace


def find_ending_keys(membership: Membership, leaves: bool) -> list[ApiKey]:
    """Find the active API keys that the member created: all if they leave, else those of sites they may not edit."""
    rows = ApiKey.objects.filter(site__account=membership.account, created_by=membership.user_id, revoked=None)
    if not leaves:
        rows = rows.exclude(site__in=sites_for_actor(Bearer(membership), "edit"))
    return list(rows.select_related("site"))


def end_key(key: ApiKey, now: datetime) -> None:
    """Revoke an API key."""
    api_key_revoke(key=key, now=now)


def find_readable_site_keys(membership: Membership) -> set[tuple[int, str]]:
    """Return (site id, name of the key): viewers of a site can read `sitekey`, editors also `sitekey_admin`."""
    actor = Bearer(membership)
    visible = sites_for_actor(actor).values_list("pk", flat=True)
    editable = sites_for_actor(actor, "edit").values_list("pk", flat=True)
    return {(site_id, "sitekey") for site_id in visible} | {(site_id, "sitekey_admin") for site_id in editable}


def load_site_names(account: Account, ids: Collection[int]) -> dict[int, str]:
    """Return the names of sites by id."""
    return dict(list_existing_sites(account, ids))


def replace_site_keys(account: Account, site_id: int) -> None:
    """Replace the keys of a site of the account; does nothing if the site is gone."""
    site = Site.objects.filter(account=account, pk=site_id).first()
    if site is not None:
        site_keys_rotate(site=site)


def find_readable_proxy_secrets(membership: Membership) -> set[tuple[int, str]]:
    """Return (site id, name of the secret): editors of a site can read the secret in its proxied path."""
    editable = sites_for_actor(Bearer(membership), "edit")
    return {(site.pk, "proxy_secret") for site in editable if site.proxy_secret}


def replace_proxy_secret(account: Account, site_id: int) -> None:
    """Replace the proxy secret of a site of the account; does nothing if the site is gone or has none."""
    site = Site.objects.filter(account=account, pk=site_id).first()
    if site is not None and site.proxy_secret:
        site_proxy_secret_replace(site=site)


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
API_KEYS = DependentAccess("API keys", find_ending_keys, end_key)
SITE_KEYS = SharedKeys(KIND, "Site keys", find_readable_site_keys, load_site_names, replace_site_keys)
PROXY_SECRETS = SharedKeys(
    PROXY_KIND, "Secret word of the proxy", find_readable_proxy_secrets, load_site_names, replace_proxy_secret
)
WEBHOOK_SECRETS = SharedKeys(
    WEBHOOK_KIND, "Webhook secret", find_readable_webhook_secrets, load_webhook_names, replace_webhook_secret
)
