"""The latest traffic of a site, for its settings pages. A higher app provides it; `config` registers the provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class SiteTraffic:
    """The newest stored event of a site (time and page), and its recent rejections: {reason in words: hits}."""

    last_event: datetime | None = None
    page: str = ""
    rejections: dict[str, int] = field(default_factory=dict)


TrafficProvider = Callable[[int, datetime], SiteTraffic | None]
_provider: TrafficProvider | None = None


def register_traffic_provider(provider: TrafficProvider) -> None:
    """Register a function of a site's id and the present time; it returns None while the events cannot be read."""
    global _provider
    _provider = provider


def read_latest_traffic(site_id: int, now: datetime) -> SiteTraffic | None:
    """Return the site's latest traffic; None if it cannot be read at the moment."""
    return _provider(site_id, now) if _provider else None
