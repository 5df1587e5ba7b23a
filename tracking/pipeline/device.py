"""The device: browser and operating system from the user agent and the browser's hints, and its number by the cookie,
if allowed, else by a keyed hash of address, user agent and site that changes daily.
"""

from __future__ import annotations

import hmac
from datetime import date, timedelta
from functools import lru_cache

from sites.site_config import SiteConfig
from tracking.event import Event, Hit
from tracking.state.base import State
from tracking.user_agent import parse_agent, parse_agent_with_hints

MAX_USER_AGENT_LENGTH = 600
A_DAY = timedelta(days=1)
_cached_day: list[date] = [date.min]
ID_BITS = 53  # Clickport sends ids as JSON numbers


def find_agent_columns(hit: Hit, site: SiteConfig, event: Event) -> Event | None:
    """Return browser, operating system and device by the headers and the hints that the tracker reported."""
    if not hit.user_agent:
        return None
    user_agent, get = hit.user_agent[:MAX_USER_AGENT_LENGTH], hit.headers.get
    brands, touch = get("sec-ch-ua", ""), hit.touch_points > 1
    if not brands and not touch and not hit.platform_version and not hit.model:
        return parse_agent(user_agent)
    return parse_agent_with_hints(
        user_agent, brands, get("sec-ch-ua-mobile", ""), get("sec-ch-ua-platform", ""),
        hit.platform_version or get("sec-ch-ua-platform-version", ""), hit.model or get("sec-ch-ua-model", ""),
        touch, hit.screen if touch else "",
    )  # fmt: skip


def hash_to_id(key: bytes, text: str) -> int:
    """Return a keyed hash as an integer from 1 to 2**53 - 1."""
    digest = hmac.digest(key, text.encode("utf-8", "replace"), "sha256")
    return int.from_bytes(digest[:7], "big") >> (56 - ID_BITS) or 1


def hash_device(hit: Hit, site: SiteConfig, day: date, state: State) -> int:
    """Return the number of a device without a cookie on `day`. Older days have no salt any more: their hash takes
    today's salt and the date."""
    today = hit.now.date()
    if _cached_day[0] != today:
        _hash_device.cache_clear()  # a cached hash must not outlive its salt
        _cached_day[0] = today
    if day == today or today - day <= A_DAY:
        return _hash_device(state.get_salt(day), site.site_id, hit.ip, hit.user_agent, "")
    return _hash_device(state.get_salt(today), site.site_id, hit.ip, hit.user_agent, f"|{day}")


@lru_cache(maxsize=50_000)
def _hash_device(key: bytes, site_id: int, ip: str, user_agent: str, day: str) -> int:
    return hash_to_id(key, f"{site_id}|{ip}|{user_agent}{day}")


def parse_cookie_device(hit: Hit, site: SiteConfig) -> int:
    """Return the number in the cookie `_jsuid`, where the site allows cookies; 0 without one."""
    cookie = hit.cookie
    if not cookie or site.cookies == "off" or (site.cookies == "consent" and not hit.consent):
        return 0
    if cookie.isascii() and cookie.isdigit() and len(cookie) <= 15:
        return int(cookie)
    return hash_to_id(b"cookie", f"{site.site_id}|{cookie[:200]}")


def find_device(hit: Hit, site: SiteConfig, event: Event, state: State) -> Event:
    """Return the device's number."""
    return {"device": parse_cookie_device(hit, site) or hash_device(hit, site, event["ts"].date(), state)}
