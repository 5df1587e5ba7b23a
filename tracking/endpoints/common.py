"""Parsing that several endpoints share: the visitor's address, page addresses, numbers and amounts."""

from __future__ import annotations

import math
from urllib.parse import parse_qsl

from accounts.security.client_ip import find_client_address, is_in_networks
from sites.amounts import Amount, parse_amount
from sites.site_config import SiteConfig
from tracking.event import Hit
from tracking.pipeline.page import is_absolute, split_address
from tracking.web import EndpointRequest, Fields

NO_AMOUNT = Amount(0.0)
NO_VALUES: dict[str, str] = {}


def get_group(fields: Fields, prefix: str) -> dict[str, str]:
    """Return `custom[username]=a&custom[plan]=b` as {"username": "a", "plan": "b"}; callers must not change it."""
    return fields.groups.get(prefix, NO_VALUES)


def parse_number(text: object) -> float:
    """Parse a finite number; 0 for anything else."""
    if not text:
        return 0.0
    try:
        parsed = float(text) if not isinstance(text, bool) else 0.0  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return parsed if math.isfinite(parsed) else 0.0


def parse_json_amount(value: object) -> Amount | None:
    """Parse an amount, a JSON number or text such as "19.99 EUR"; 0 for a missing one, None for an invalid one."""
    if value is None or value == "":
        return NO_AMOUNT
    if isinstance(value, str):
        return parse_amount(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Amount(parse_number(value)) if math.isfinite(value) else None


def find_visitor_address(request: EndpointRequest, site: SiteConfig | None) -> str:
    """Return the visitor's IP address, from X-Forwarded-For where the operator's or this site's proxies sent it."""
    forwarded = request.headers.get("x-forwarded-for", "")
    if not forwarded:
        return find_client_address(request.peer, "")
    proxies = site.proxy_networks if site else ()
    secret = bool(site and site.proxy_secret and request.secret == site.proxy_secret)
    is_trusted = (lambda address: is_in_networks(address, proxies)) if proxies else None
    return find_client_address(request.peer, forwarded, is_trusted, int(secret))


def build_page_url(href: str, host: str, referer: str) -> str:
    """Build the page's absolute address from a path and its host, or the host of `referer`."""
    if is_absolute(href):
        return href
    host = host or split_address(referer)[0]
    path = href if href.startswith(("/", "#", "?")) or not href else f"/{href}"
    return f"https://{host}{path}" if host else path


def parse_campaign(text: str) -> dict[str, str]:
    """Parse the campaign that the tracker stored: a query string, or only the campaign's name."""
    if not text:
        return NO_VALUES
    if "=" not in text:
        return {"utm_campaign": text}
    return {name: value for name, value in parse_qsl(text) if name.startswith("utm_")}


def create_hit(request: EndpointRequest, site: SiteConfig, kind: str) -> Hit:
    """Create a hit with everything that the request itself contains."""
    headers = request.headers
    return Hit(
        site_id=site.site_id,
        kind=kind,
        ip=find_visitor_address(request, site),
        user_agent=headers.get("user-agent", ""),
        now=request.now,
        do_not_track=headers.get("dnt") == "1" or headers.get("sec-gpc") == "1",
        headers=headers,
        http_version=request.http_version,
    )
