"""What ends when a member leaves: API keys; and which keys and secrets of sites they could read."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from accounts.models import Account, Membership
from accounts.permissions import Bearer
from accounts.revocation import DependentAccess, SharedKeys
from sites.models import ApiKey, Site
from sites.selectors import KIND, list_existing_sites, select_sites
from sites.services import PROXY_KIND, api_key_revoke, site_keys_rotate, site_proxy_secret_replace


def find_ending_keys(membership: Membership, is_leaving: bool) -> list[ApiKey]:
    """Find the active API keys that the member created: all if they leave, else those of sites they may not edit."""
    rows = ApiKey.objects.filter(site__account=membership.account, created_by=membership.user_id, revoked=None)
    if not is_leaving:
        rows = rows.exclude(site__in=select_sites(Bearer(membership=membership), "edit"))
    return list(rows.select_related("site"))


def end_key(key: ApiKey, now: datetime) -> None:
    """Revoke an API key."""
    api_key_revoke(key=key, now=now)


def find_readable_site_keys(membership: Membership) -> set[tuple[int, str]]:
    """Return (site id, name of the key): viewers of a site can read `sitekey`, editors also `sitekey_admin`."""
    actor = Bearer(membership=membership)
    visible = select_sites(actor).values_list("pk", flat=True)
    editable = select_sites(actor, "edit").values_list("pk", flat=True)
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
    editable = select_sites(Bearer(membership=membership), "edit")
    return {(site.pk, "proxy_secret") for site in editable if site.proxy_secret}


def replace_proxy_secret(account: Account, site_id: int) -> None:
    """Replace the proxy secret of a site of the account; does nothing if the site is gone or has none."""
    site = Site.objects.filter(account=account, pk=site_id).first()
    if site is not None and site.proxy_secret:
        site_proxy_secret_replace(site=site)


API_KEYS = DependentAccess("API keys", find_ending_keys, end_key)
SITE_KEYS = SharedKeys(
    kind=KIND,
    label="Site keys",
    find_readable=find_readable_site_keys,
    load_labels=load_site_names,
    replace=replace_site_keys,
)
PROXY_SECRETS = SharedKeys(
    kind=PROXY_KIND,
    label="Secret of the proxy",
    find_readable=find_readable_proxy_secrets,
    load_labels=load_site_names,
    replace=replace_proxy_secret,
)
