"""Steps that refuse: a page of another site, a visitor who asked not to be tracked, what the site excludes."""

from __future__ import annotations

from functools import lru_cache

from accounts.security.client_ip import is_in_networks
from sites.facts import SiteFacts
from tracking.bots.hosting import COUNTRY, is_hosting
from tracking.bots.lists import spam_hosts
from tracking.hit import Event, Hit, Refused
from tracking.steps.page import split_address

SPAM = spam_hosts()


@lru_cache(maxsize=20_000)
def is_spam(referrer: str) -> bool:
    """Whether a referrer is one of the hosts that only advertise themselves."""
    labels = split_address(referrer)[0].split(".")
    return any(".".join(labels[at:]) in SPAM for at in range(len(labels) - 1))


def refuse_over_quota(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """The account used up its month."""
    return Refused("over_quota") if facts.over_quota else None


def refuse_wrong_host(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """The page is not one of the site's. A trusted key may state any, and another key too unless hosts are listed."""
    if hit.trusted or (hit.keyed and not facts.hosts.has_list) or facts.hosts.accepts_host(event["host"]):
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
    if facts.excluded_networks and is_in_networks(hit.ip, facts.excluded_networks):
        return Refused("excluded_ip")
    if facts.excluded_pages:
        path = event["path"]
        if facts.excludes_page(path) or facts.excludes_page(path.partition("?")[0]):
            return Refused("excluded_page")
    return None


def refuse_excluded_country(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Countries the site excludes; A1 stands for data centres, where programs with a key may run."""
    excluded = facts.excluded_countries
    if not excluded:
        return None
    hosted = COUNTRY in excluded and not hit.keyed and is_hosting(event.get("asn", 0), event.get("organization", ""))
    return Refused("excluded_country") if hosted or event.get("country") in excluded else None
