"""Steps that refuse: a page of another site, a visitor who asked not to be tracked, what the site excludes."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

from sites.facts import SiteFacts
from tracking.address import within
from tracking.hit import Event, Hit, Refused
from tracking.steps.page import split_address

SPAM = frozenset(tomllib.loads((Path(__file__).resolve().parent.parent / "data" / "spam.toml").read_text())["domains"])


@lru_cache(maxsize=20_000)
def is_spam(referrer: str) -> bool:
    """Whether a referrer is one of the hosts that only advertise themselves."""
    labels = split_address(referrer)[0].split(".")
    return any(".".join(labels[at:]) in SPAM for at in range(len(labels) - 1))


def refuse_spam(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Referrer spam: nobody came from there."""
    return Refused("spam") if hit.referrer and is_spam(hit.referrer[:500]) else None


def refuse_over_quota(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """The account used up its month."""
    return Refused("over_quota") if facts.over_quota else None


def refuse_wrong_host(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """The page is not one of the site's; a trusted key may state any."""
    if hit.trusted or facts.hosts.accepts_host(event["host"]):
        return None
    return Refused("wrong_host")


def refuse_unwilling(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """DNT: 1 or Sec-GPC: 1 where the site honours them (consent overrides), and browsers set to be ignored."""
    if hit.do_not_track and facts.respect_dnt and not hit.consent:
        return Refused("do_not_track")
    cookies = hit.headers.get("cookie")
    if cookies and any(f"{name}=1" in cookies for name in ("_cky_ignore", f"_no_tracky_{facts.site_id}")):
        return Refused("opted_out")
    return None


def refuse_excluded(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Addresses and pages the site excludes."""
    if facts.excluded_networks and within(hit.ip, facts.excluded_networks):
        return Refused("excluded_ip")
    if facts.excluded_pages:
        path = event["path"]
        if facts.excludes_page(path) or facts.excludes_page(path.partition("?")[0]):
            return Refused("excluded_page")
    return None


def refuse_excluded_country(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Countries the site excludes."""
    excluded = facts.excluded_countries
    if excluded and event.get("country") in excluded:
        return Refused("excluded_country")
    return None
