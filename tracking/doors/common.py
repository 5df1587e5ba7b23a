"""What all doors need: whose request is it, which page, which numbers."""

from __future__ import annotations

import math
from urllib.parse import parse_qsl

from accounts.security.client_ip import is_in_networks
from sites.amounts import Amount, parse_amount
from sites.facts import SiteFacts
from tracking.address import visitor_address
from tracking.hit import Hit
from tracking.steps.page import is_absolute, split_address
from tracking.web import Fields, Request

NO_AMOUNT = Amount(0.0)
NONE: dict[str, str] = {}


def one(fields: Fields, name: str) -> str:
    """The first value of a parameter; "" without one."""
    return fields.get(name, "")


def named(fields: Fields, prefix: str) -> dict[str, str]:
    """`custom[username]=a&custom[plan]=b` as {"username": "a", "plan": "b"}; not to be changed."""
    return fields.groups.get(prefix, NONE)


def number(text: object) -> float:
    """A finite number; 0 for anything else."""
    if not text:
        return 0.0
    try:
        found = float(text) if not isinstance(text, bool) else 0.0  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return found if math.isfinite(found) else 0.0


def read_amount(value: object) -> Amount | None:
    """An amount as a number or as people write it; nothing is 0, None is what is no amount."""
    if value is None or value == "":
        return NO_AMOUNT
    if isinstance(value, str):
        return parse_amount(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Amount(number(value)) if math.isfinite(value) else None


def site_number(text: str) -> int:
    """A site's number as sent; 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def address_of(request: Request, facts: SiteFacts | None) -> str:
    """The visitor's address, as far as the operator's and this site's proxies are believed."""
    forwarded = request.headers.get("x-forwarded-for", "")
    if not forwarded:
        return visitor_address(request.peer, "")
    nets = facts.proxy_networks if facts else ()
    secret = bool(facts and facts.proxy_secret and request.secret == facts.proxy_secret)
    believed = (lambda address: is_in_networks(address, nets)) if nets else None
    return visitor_address(request.peer, forwarded, believed, int(secret))


def page_url(href: str, host: str, referer: str) -> str:
    """The page's absolute address from a path and what is known of its host."""
    if is_absolute(href):
        return href
    host = host or split_address(referer)[0]
    path = href if href.startswith(("/", "#", "?")) or not href else f"/{href}"
    return f"https://{host}{path}" if host else path


def utm_of(text: str) -> dict[str, str]:
    """A campaign as the tracker remembers it: a query string, or only the campaign's name."""
    if not text:
        return NONE
    if "=" not in text:
        return {"utm_campaign": text}
    return {name: value for name, value in parse_qsl(text) if name.startswith("utm_")}


def new_hit(request: Request, facts: SiteFacts, kind: str) -> Hit:
    """A hit with all that the request itself tells."""
    headers = request.headers
    hit = Hit(facts.site_id, kind, address_of(request, facts), headers.get("user-agent", ""), request.now)
    hit.do_not_track = headers.get("dnt") == "1" or headers.get("sec-gpc") == "1"
    hit.headers, hit.http_version = headers, request.http_version
    return hit
