"""Steps that reject: foreign pages, visitors who opted out, and what the site excludes."""

from __future__ import annotations

from functools import lru_cache

from accounts.security.client_ip import is_in_networks
from sites.site_config import SiteConfig
from tracking.bots.lists import HOSTING_COUNTRY, is_hosting, load_spam_hosts
from tracking.event import Event, Hit, Rejection
from tracking.pipeline.page import split_address

SPAM_HOSTS = load_spam_hosts()


@lru_cache(maxsize=20_000)
def is_spam(referrer: str) -> bool:
    """Return whether the referrer is a host that sends requests only to advertise itself."""
    labels = split_address(referrer)[0].split(".")
    return any(".".join(labels[start:]) in SPAM_HOSTS for start in range(len(labels) - 1))


def reject_refused_account(hit: Hit, site: SiteConfig, event: Event) -> Rejection | None:
    """Reject hits of an account whose monthly quota is used up, or whose collection has ended."""
    return Rejection(site.refusal_reason) if site.refuses_hits else None


def reject_wrong_host(hit: Hit, site: SiteConfig, event: Event) -> Rejection | None:
    """Reject pages of foreign hosts. A trusted key may send any host; other keys too, unless the site lists hosts."""
    if hit.trusted or (hit.keyed and not site.hosts.has_list) or site.hosts.accepts_host(event["host"]):
        return None
    return Rejection("wrong_host")


def reject_opted_out(hit: Hit, site: SiteConfig, event: Event) -> Rejection | None:
    """Reject DNT: 1 and Sec-GPC: 1 where the site honours them (consent overrides), and browsers set to be ignored."""
    if hit.do_not_track and site.respect_dnt and not hit.consent:
        return Rejection("do_not_track")
    cookies = hit.headers.get("cookie")
    if cookies and any(f"{name}=1" in cookies for name in ("_cky_ignore", f"_no_tracky_{site.site_id}")):
        return Rejection("opted_out")
    return None


def reject_excluded(hit: Hit, site: SiteConfig, event: Event) -> Rejection | None:
    """Reject addresses and pages that the site excludes."""
    if site.excluded_networks and is_in_networks(hit.ip, site.excluded_networks):
        return Rejection("excluded_ip")
    if site.excluded_pages:
        path = event["path"]
        if site.excludes_page(path) or site.excludes_page(path.partition("?")[0]):
            return Rejection("excluded_page")
    return None


def reject_excluded_country(hit: Hit, site: SiteConfig, event: Event) -> Rejection | None:
    """Reject countries that the site excludes. A1 stands for data centres; programs with a key may run in one."""
    excluded = site.excluded_countries
    if not excluded:
        return None
    hosted = (
        HOSTING_COUNTRY in excluded and not hit.keyed and is_hosting(event.get("asn", 0), event.get("organization", ""))
    )
    return Rejection("excluded_country") if hosted or event.get("country") in excluded else None
