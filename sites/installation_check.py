"""Installation check: fetch a page of a site and look for the tracking code in it; and the latest traffic that came
from the site, which a higher app reads (`config` registers the provider).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sites import site_cache
from sites.hosts import HostMatcher
from sites.models import Site
from sites.outbound import OutboundError, OutboundResponse, fetch

MAX_BYTES = 2_000_000
USER_AGENT = "Mozilla/5.0 (compatible; installation check)"
SCRIPT_TAG = re.compile(r"<script\b[^<>]{0,5000}>", re.I)  # bounded: a page could make an unbounded search slow
DATA_ID = re.compile(r"data-id\s*=\s*[\"']?(\d+)", re.I)
OTHER_FORMS = r"(?:/{id}\.js\b|/{id}ns\.gif\b|_site_ids\.push\(\s*{id}\s*\)|site_id\s*[=:]\s*[\"']?{id}\b)"


@dataclass(frozen=True)
class Finding:
    """The result of a check: whether the installation is good, a sentence about it, and what to do."""

    good: bool
    sentence: str
    advice: str = ""


def check_installation(site: Site, url: str, our_host: str) -> Finding:
    """Fetch `url` (default: the site's start page) and look for the tracking code. Never raises, whatever is sent."""
    url = url.strip() or f"https://{site.domain}/"
    if "://" not in url:
        url = f"https://{url}"
    if not HostMatcher(site.domain, tuple(site.allowed_hosts), site.any_host).accepts_host(url):
        return Finding(False, f"This page is not on {site.domain}.", "Add its host under General → More hosts.")
    try:
        answer = fetch(url, headers={"User-Agent": USER_AGENT}, timeout=10, max_bytes=MAX_BYTES)
    except OutboundError as error:
        return Finding(False, str(error), "If the page is not public, watch for the first hit below instead.")
    return evaluate_page(site, answer, our_host)


def evaluate_page(site: Site, answer: OutboundResponse, our_host: str) -> Finding:
    """Evaluate a fetched page."""
    if answer.status != 200:
        return Finding(False, f"The page answered {answer.status}.", "Check the address.")
    if answer.encoding:
        return Finding(
            False, f"The page cannot be read: it is compressed ({answer.encoding}), which was not requested.",
            "Watch for the first hit below instead.",
        )  # fmt: skip
    html = answer.text
    ids = {site_id for tag in SCRIPT_TAG.findall(html) for site_id in DATA_ID.findall(tag)}
    own_id = str(site.pk)
    if own_id not in ids and not re.search(OTHER_FORMS.format(id=own_id), html):
        if ids:
            return Finding(
                False, f"The page has the tracking code of site {', '.join(sorted(ids))}, not of site {own_id}."
            )
        return Finding(
            False, "The tracking code is not in the page.", "A tag manager may add it later: watch for the first hit."
        )
    if advice := advise_on_policy(answer, our_host):
        return Finding(False, "The code is there, but the page's security policy stops it.", advice)
    return Finding(True, "The tracking code is in the page.", advise_on_trusted_types(answer, our_host))


def parse_policy(answer: OutboundResponse) -> dict[str, list[str]]:
    """Parse the page's Content-Security-Policy: directive -> its values."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    policy = headers.get("content-security-policy", "")
    return {part.split()[0].lower(): part.split()[1:] for part in policy.split(";") if part.split()}


def advise_on_trusted_types(answer: OutboundResponse, our_host: str) -> str:
    """Say what to add so that Trusted Types let forms, heatmaps and media be recorded; "" if nothing is missing."""
    directives, name = parse_policy(answer), site_cache.find_brand_word(our_host) or "clicky"
    allowed_names = directives.get("trusted-types")
    required = "require-trusted-types-for" in directives
    if not required or allowed_names is None or {"*", name} & set(allowed_names):
        return ""
    return f"Add {name} to trusted-types, so that forms, heatmaps, media and cookies are recorded too."


def advise_on_policy(answer: OutboundResponse, our_host: str) -> str:
    """Say what to add to the page's Content-Security-Policy; "" if it allows the tracker."""
    directives = parse_policy(answer)
    missing = []
    for name in ("script-src", "connect-src"):
        sources = directives.get(name, directives.get("default-src"))
        if sources is not None and not allows_host(sources, our_host):
            missing.append(name)
    return f"Add {our_host} to {' and '.join(missing)}." if missing else ""


def allows_host(sources: list[str], our_host: str) -> bool:
    """Return whether a list of CSP sources includes our host."""
    for source in sources:
        name = source.lower().split("://")[-1].rstrip("/")
        if name in {"*", "https:", "http:", our_host, our_host.partition(":")[0]}:
            return True
        if name.startswith("*.") and our_host.partition(":")[0].endswith(name[1:]):
            return True
    return False


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
