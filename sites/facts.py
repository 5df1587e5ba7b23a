"""What the hot path knows of a site and of a key: frozen, compiled once, no database behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from accounts.host_names import host_name
from sites.hosts import HostMatcher
from sites.models import ApiKey, Site
from sites.page_patterns import PagePatterns

Network = IPv4Network | IPv6Network


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and CIDR networks, compiled. What is neither was refused by the form and is left out here."""
    return tuple(net for text in texts if (net := network(text)) is not None)


def network(text: str) -> Network | None:
    """One address or CIDR network (host bits may be set); None if it is neither."""
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        return None


@dataclass(frozen=True)
class SiteFacts:
    """One site. `excluded_countries` are upper-case ISO codes (A1 = data-centre network)."""

    site_id: int
    account_id: int
    domain: str
    timezone: str
    hosts: HostMatcher
    addresses: str
    cookies: str
    respect_dnt: bool
    excluded_networks: tuple[Network, ...]
    excluded_pages: tuple[str, ...]
    excluded_countries: frozenset[str]
    proxy_networks: tuple[Network, ...]
    proxy_secret: str = field(repr=False)
    sitekey: str = field(repr=False)
    sitekey_admin: str = field(repr=False)
    tracker: dict[str, Any] = field(compare=False)
    over_quota: bool
    retention_months: int
    change: int
    people: frozenset[str] = (
        frozenset()
    )  # `device:<number>` and `agent:<user agent>` that are people, whatever it looks
    robots: frozenset[str] = frozenset()  # and those that are none
    domain_proof: str = ""  # how the account proved the domain (`Proof`), "" if it has not

    @cached_property
    def _pages(self) -> PagePatterns:
        return PagePatterns(self.excluded_pages)

    def excludes_page(self, path: str) -> bool:
        """Whether the site's exclusions name this path."""
        return self._pages.match(path)


@dataclass(frozen=True)
class KeyFacts:
    """One `ck_` key that is not revoked."""

    key_id: int
    site_id: int
    can_read: bool
    can_track: bool
    trusted: bool
    expires: datetime | None
    hash: str
    user_id: int | None = None  # who created it


def site_facts(site: Site) -> SiteFacts:
    """The facts of a row that came with its account and, annotated, `domain_proof`."""
    return SiteFacts(
        site_id=site.pk,
        account_id=site.account_id,
        domain=host_name(site.domain),
        timezone=site.timezone,
        hosts=HostMatcher(site.domain, tuple(site.allowed_hosts), site.any_host),
        addresses=site.addresses,
        cookies=site.cookies,
        respect_dnt=site.respect_dnt,
        excluded_networks=networks(site.excluded_ips),
        excluded_pages=tuple(site.excluded_pages),
        excluded_countries=frozenset(code.upper() for code in site.excluded_countries),
        proxy_networks=networks(site.proxy_addresses),
        proxy_secret=site.proxy_secret,
        sitekey=site.sitekey,
        sitekey_admin=site.sitekey_admin,
        tracker=dict(site.tracker),
        over_quota=site.account.over_quota,
        retention_months=site.retention_months,
        change=site.change,
        people=frozenset(site.people),
        robots=frozenset(site.robots),
        domain_proof=getattr(site, "domain_proof", None) or "",
    )


def key_facts(key: ApiKey) -> KeyFacts:
    """The facts of a key's row."""
    return KeyFacts(
        key_id=key.pk,
        site_id=key.site_id,
        can_read=key.can_read,
        can_track=key.can_track,
        trusted=key.trusted,
        expires=key.expires,
        hash=key.hash,
        user_id=key.created_by_id,
    )
