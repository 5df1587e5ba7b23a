"""Which device: the consented cookie, else a keyed hash of address, user agent and site that ends with the day."""

from __future__ import annotations

import hmac
from datetime import date, datetime, timedelta
from functools import lru_cache

from sites.facts import SiteFacts
from tracking.hit import Event, Hit, Refused
from tracking.salts import salt

A_DAY = timedelta(days=1)
_today: list[date] = [date.min]
BITS = 53  # Clickport shows ids as JSON numbers


def number(key: bytes, text: str) -> int:
    """A keyed hash as an integer from 1 to 2**53 - 1."""
    digest = hmac.digest(key, text.encode("utf-8", "replace"), "sha256")
    return int.from_bytes(digest[:7], "big") >> (56 - BITS) or 1


def hashed_device(hit: Hit, facts: SiteFacts, day: date) -> int:
    """The number of a visitor without a cookie on `day`. A backdated day has no salt left: today's and its name."""
    today = hit.now.date()
    if _today[0] != today:
        _hashed.cache_clear()  # what was worked out must not outlive its salt
        _today[0] = today
    if day == today or today - day <= A_DAY:
        return _hashed(salt(day), facts.site_id, hit.ip, hit.user_agent, "")
    return _hashed(salt(today), facts.site_id, hit.ip, hit.user_agent, f"|{day}")


@lru_cache(maxsize=50_000)
def _hashed(key: bytes, site_id: int, ip: str, user_agent: str, day: str) -> int:
    return number(key, f"{site_id}|{ip}|{user_agent}{day}")


def cookie_device(hit: Hit, facts: SiteFacts) -> int:
    """The number in `_jsuid`, where the site allows cookies; 0 without one."""
    cookie = hit.cookie
    if not cookie or facts.cookies == "off" or (facts.cookies == "consent" and not hit.consent):
        return 0
    if cookie.isascii() and cookie.isdigit() and len(cookie) <= 15:
        return int(cookie)
    return number(b"cookie", f"{facts.site_id}|{cookie[:200]}")


def recognise_device(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Fill the device's number."""
    if not event.get("device"):
        when: datetime = event["ts"]
        event["device"] = cookie_device(hit, facts) or hashed_device(hit, facts, when.date())
    return None
