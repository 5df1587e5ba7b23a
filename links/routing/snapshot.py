"""Immutable snapshots of links, domains and conversions for the link cache; small enough for 100,000 in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from sys import intern
from typing import Any

from accounts.models import Account
from accounts.security.client_ip import Networks
from links.models.links import ROUTING_COLUMNS, LinkColumns
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
class LinkSnapshot(LinkColumns):
    """One link or pixel that is not deleted: its columns, and what is computed from them and other rows.

    `is_plain`: it always redirects to `url`. `destination_host`: the host of a plain link's URL if that has the
    standard form, which is safe without further checks; else "".
    """

    link_id: int
    rules: LinkRules
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


SNAPSHOT_COLUMNS = tuple(column.name for column in fields(LinkColumns))
LINK_COLUMNS = ("pk", "alias_key", "rules", "group__redirect_only", *SNAPSHOT_COLUMNS)  # what a snapshot is built from


def build_link_snapshot(row: Mapping[str, Any], conversions: tuple[int, ...], scripts: tuple[int, ...]) -> LinkSnapshot:
    """Build the snapshot of a row (a dict of the columns in LINK_COLUMNS)."""
    plain = not scripts and not any(row[name] for name in ROUTING_COLUMNS)
    columns = {name: row[name] for name in SNAPSHOT_COLUMNS}
    columns |= {"redirect_only": row["redirect_only"] or row["group__redirect_only"], "cost": float(row["cost"])}
    return LinkSnapshot(
        link_id=row["pk"],
        rules=parse_rules(row["rules"], row["mode"]),
        conversions=conversions,
        scripts=scripts,
        is_plain=plain,
        destination_host=find_plain_host(row["url"]) if plain else "",
        **columns,
    )


def find_plain_host(url: str) -> str:
    """Return the host of a URL in standard form whose path cannot be a link of this installation, else ""."""
    parts = split_standard_url(url)
    return intern(parts[0]) if parts and not parts[1].startswith("/l/") else ""


def build_account_site(account: Account, addresses: str, now: datetime) -> SiteConfig:
    """Build the site under which an account's clicks are stored. Its id is the account's; ids of real sites begin at
    101 million, so they never collide."""
    return SiteConfig(
        site_id=account.pk,
        account_id=account.pk,
        domain="",
        timezone=account.timezone,
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
        refuses_hits=account.refuses_hits(now),
        suspended=account.suspended is not None,
        retention_months=0,
        change=0,
    )
