"""Immutable snapshots of links, domains and conversions for the link cache; small enough for 100,000 in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from sys import intern
from typing import Any

from accounts.security.client_ip import Networks
from links.models import Datapoint
from links.routing.rules import LinkRules, parse_rules
from links.url_policy import split_standard_url
from sites.hosts import HostMatcher
from sites.settings_fields import TrackerSettings
from sites.site_config import SiteConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainSnapshot:
    """A link domain; `account_id` is 0 for the installation's own."""

    domain_id: int
    name: str
    account_id: int
    custom_404: str
    custom_homepage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSnapshot:
    """One link or pixel that is not deleted. A field that has the name of a column of Datapoint is read from it.

    `is_plain`: it always redirects to `url`. `destination_host`: the host of a plain link's URL if that has the
    standard form, which is safe without further checks; else "".
    """

    link_id: int
    account_id: int
    group_id: int
    domain_id: int
    kind: int
    status: int
    alias: str
    url: str
    first_url: str
    mode: int
    rules: LinkRules
    redirect_type: int
    append_query: bool
    encode_url: bool
    hide_url: bool
    hide_url_title: str
    referrer_clean: int
    password: str
    starts: datetime | None
    expiration_date: datetime | None
    url_after_date: str
    pause_after_date: bool
    expiration_clicks: int
    url_after_clicks: str
    pause_after_clicks: bool
    encode_ip: bool
    light_tracking: bool
    redirect_only: bool
    cost: float
    conversions: tuple[int, ...]
    scripts: tuple[int, ...]
    is_plain: bool
    destination_host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionSnapshot:
    """One conversion that is not deleted."""

    conversion_id: int
    account_id: int
    name: str
    code: str
    value: float
    currency: str
    window_days: int


@dataclass(frozen=True, slots=True)
class AccountLinkConfig:
    """What clicks of one account need: the account as a site, with full (`site`) and truncated IP addresses, and
    its two lists."""

    site: SiteConfig
    truncated_site: SiteConfig
    blacklist: Networks = ()
    whitelist: frozenset[str] = field(default_factory=frozenset)


MODEL_COLUMNS = {column.attname for column in Datapoint._meta.concrete_fields}
SNAPSHOT_COLUMNS = tuple(attribute.name for attribute in fields(LinkSnapshot) if attribute.name in MODEL_COLUMNS)
LINK_COLUMNS = ("pk", "alias_key", "group__redirect_only", *SNAPSHOT_COLUMNS)  # what a snapshot is built from
# A link with a value in none of these always redirects to its URL
ROUTING_COLUMNS = (
    "rules", "mode", "status", "first_url", "append_query", "hide_url", "password", "starts", "expiration_date",
    "expiration_clicks", "referrer_clean",
)  # fmt: skip


def build_link_snapshot(row: Mapping[str, Any], conversions: tuple[int, ...], scripts: tuple[int, ...]) -> LinkSnapshot:
    """Build the snapshot of a row (a dict of the columns in LINK_COLUMNS)."""
    plain = not scripts and not any(row[name] for name in ROUTING_COLUMNS)
    computed = {
        "rules": parse_rules(row["rules"], row["mode"]),
        "redirect_only": row["redirect_only"] or row["group__redirect_only"],
        "cost": float(row["cost"]),
    }
    return LinkSnapshot(
        link_id=row["pk"],
        conversions=conversions,
        scripts=scripts,
        is_plain=plain,
        destination_host=find_plain_host(row["url"]) if plain else "",
        **{**{name: row[name] for name in SNAPSHOT_COLUMNS}, **computed},
    )


def find_plain_host(url: str) -> str:
    """Return the host of a URL in standard form whose path cannot be a link of this installation, else ""."""
    parts = split_standard_url(url)
    return intern(parts[0]) if parts and not parts[1].startswith("/l/") else ""


def build_account_site(account_id: int, timezone: str, over_quota: bool, addresses: str) -> SiteConfig:
    """Build the site under which an account's clicks are stored. Its id is the account's; ids of real sites begin at
    101 million, so they never collide."""
    return SiteConfig(
        site_id=account_id,
        account_id=account_id,
        domain="",
        timezone=timezone,
        hosts=HostMatcher("", (), True),
        addresses=addresses,
        cookies="off",
        respect_dnt=False,
        excluded_networks=(),
        excluded_pages=(),
        excluded_countries=frozenset(),
        proxy_networks=(),
        proxy_secret="",
        sitekey="",
        sitekey_admin="",
        tracker=TrackerSettings(),
        over_quota=over_quota,
        retention_months=0,
        change=0,
    )
