"""Hits for tests of the pipeline: a site's configuration and a visitor, with ordinary values unless changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from accounts.security.client_ip import parse_networks
from sites.hosts import HostMatcher
from sites.settings_fields import parse_tracker_settings
from sites.site_config import SiteConfig
from tests.support import state
from tracking.event import Event, Hit, Rejection
from tracking.pipeline import processing

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.6 Mobile/15E148 Safari/604.1"
)
BROWSER = {"accept": "*/*", "accept-language": "en-GB,en;q=0.8", "accept-encoding": "gzip, br"}


def build_site_config(**changes: Any) -> SiteConfig:
    """A site example.com. `excluded_ips` and `proxies` are texts."""
    ips, proxies = changes.pop("excluded_ips", ()), changes.pop("proxies", ())
    tracker = parse_tracker_settings(changes.pop("tracker", {}))
    plain = SiteConfig(
        site_id=7, account_id=1, domain="example.com", timezone="UTC",
        hosts=HostMatcher("example.com", (), False), addresses="keep", cookies="off", respect_dnt=True,
        excluded_networks=parse_networks(tuple(ips)), excluded_pages=(), excluded_countries=frozenset(),
        proxy_networks=parse_networks(tuple(proxies)), proxy_secret="", sitekey="read", sitekey_admin="admin",
        tracker=tracker, refuses_hits=False, retention_months=0, change=1,
    )  # fmt: skip
    return replace(plain, **changes)


def build_hit(path: str = "/", **changes: Any) -> Hit:
    """A page view of a person with Chrome."""
    plain: dict[str, Any] = {
        "site_id": 7, "kind": "view", "ip": "203.0.113.7", "user_agent": CHROME, "now": NOW,
        "url": f"https://example.com{path}", "headers": dict(BROWSER),
    }  # fmt: skip
    return Hit(**{**plain, **changes})


def process(hit: Hit, site: SiteConfig) -> Event | Rejection:
    """What the pipeline makes of a hit, with the state of this process."""
    return processing.process(hit, site, state.current())


def process_hit(path: str = "/", site: SiteConfig | None = None, **changes: Any) -> Event:
    """The event of a hit that must not be refused."""
    made = process(build_hit(path, **changes), site or build_site_config())
    assert not isinstance(made, Rejection), made
    return made


def find_rejection(path: str = "/", site: SiteConfig | None = None, **changes: Any) -> str:
    """Why a hit is refused; "" if it is not."""
    made = process(build_hit(path, **changes), site or build_site_config())
    return made.reason if isinstance(made, Rejection) else ""


def reset_state() -> None:
    """No open visits, salts, ids, known devices, no pace."""
    state.forget()
