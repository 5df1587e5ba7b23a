"""Configuration of sites and keys for the hot path: immutable, compiled once, without database access."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from accounts.host_names import normalize_host
from accounts.security.client_ip import Networks, parse_networks
from sites.hosts import HostMatcher
from sites.models import ApiKey, Site
from sites.page_paths import PagePatterns
from sites.settings_fields import TrackerSettings, parse_tracker_settings
from sites.widget_settings import WidgetSettings, parse_widget_settings


@dataclass(frozen=True, kw_only=True)
class SiteConfig:
    """The configuration of a site."""

    site_id: int
    account_id: int
    domain: str
    timezone: str
    hosts: HostMatcher
    addresses: str
    cookies: str
    respect_dnt: bool
    excluded_networks: Networks
    excluded_pages: tuple[str, ...]
    excluded_countries: frozenset[str]  # ISO codes in upper case; A1 = data-centre network
    proxy_networks: Networks
    proxy_secret: str = field(repr=False)
    sitekey: str = field(repr=False)
    sitekey_admin: str = field(repr=False)
    tracker: TrackerSettings = field(compare=False)
    refuses_hits: bool  # the quota is used up, or collection ended after a suspension
    retention_months: int
    change: int
    # Overrides of the bot detection: `device:<number>` and `agent:<user agent>` that are people, or robots
    people: frozenset[str] = frozenset()
    robots: frozenset[str] = frozenset()
    suspended: bool = False  # nothing can be read
    widget: WidgetSettings = field(default_factory=WidgetSettings)
    domain_verification: str = ""  # how the account verified the domain (`VerificationMethod`), "" if it has not

    @property
    def refusal_reason(self) -> str:
        """The reason for which hits are rejected; "" if they are not."""
        if not self.refuses_hits:
            return ""
        return "suspended" if self.suspended else "over_quota"

    @cached_property
    def _page_patterns(self) -> PagePatterns:
        return PagePatterns(self.excluded_pages)

    def excludes_page(self, path: str) -> bool:
        """Return whether hits of this path are excluded."""
        return self._page_patterns.match(path)


@dataclass(frozen=True, kw_only=True)
class KeyConfig:
    """The configuration of a `ck_` key that is not revoked."""

    key_id: int
    site_id: int
    can_read: bool
    can_track: bool
    trusted: bool
    expires: datetime | None
    hash: str
    user_id: int | None = None  # who created it


def build_site_config(site: Site) -> SiteConfig:
    """Build the configuration from a row with its account and, as an annotation, `domain_verification`."""
    return SiteConfig(
        site_id=site.pk,
        account_id=site.account_id,
        domain=normalize_host(site.domain),
        timezone=site.timezone,
        hosts=HostMatcher(site.domain, tuple(site.allowed_hosts), site.any_host),
        addresses=site.addresses,
        cookies=site.cookies,
        respect_dnt=site.respect_dnt,
        excluded_networks=parse_networks(tuple(site.excluded_ips)),
        excluded_pages=tuple(site.excluded_pages),
        excluded_countries=frozenset(code.upper() for code in site.excluded_countries),
        proxy_networks=parse_networks(tuple(site.proxy_addresses)),
        proxy_secret=site.proxy_secret,
        sitekey=site.sitekey,
        sitekey_admin=site.sitekey_admin,
        tracker=parse_tracker_settings(site.tracker),
        widget=parse_widget_settings(site.widget),
        refuses_hits=site.account.refuses_hits(datetime.now(UTC)),
        suspended=site.account.suspended is not None,
        retention_months=site.retention_months,
        change=site.change,
        people=frozenset(site.people),
        robots=frozenset(site.robots),
        domain_verification=getattr(site, "domain_verification", None) or "",
    )


def build_key_config(key: ApiKey) -> KeyConfig:
    """Build the configuration from a key's row."""
    return KeyConfig(
        key_id=key.pk,
        site_id=key.site_id,
        can_read=key.can_read,
        can_track=key.can_track,
        trusted=key.trusted,
        expires=key.expires,
        hash=key.hash,
        user_id=key.created_by_id,
    )
