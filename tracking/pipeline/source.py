"""Find the source and the channel of a visit by referrer, campaign and click ids.

Names and rules are data (`tracking/data/sources.toml`, `channels.toml`); this module holds their precedence. Campaign
parameters win over the referrer, and a paid click over an unpaid one. A click on a tracked link that led to a view is
found by the app `links`, which is above this one and registers a function (`config.wiring`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import parse_qsl

from accounts.host_names import format_host
from sites.hosts import HostMatcher
from sites.page_paths import decode_path, truncate_path
from sites.site_config import SiteConfig
from tracking.event import UTM_NAMES, Event, Hit
from tracking.pipeline.page import CLICK_IDS, SESSION_IDS, clip_text, get_page_address, split_address
from tracking.state.base import State

MAX_REFERRER_LENGTH = 4100  # characters that are parsed, with some room for blanks
DATA_DIRECTORY = Path(__file__).resolve().parent.parent / "data"
SOURCES = tomllib.loads((DATA_DIRECTORY / "sources.toml").read_text())
CHANNEL_RULES = tomllib.loads((DATA_DIRECTORY / "channels.toml").read_text())
CHANNELS: tuple[str, ...] = tuple(CHANNEL_RULES["order"])
PAID_MEDIUM = re.compile(CHANNEL_RULES["paid"]["medium"])
PAID_SHOPPING_CAMPAIGN = re.compile(CHANNEL_RULES["paid"]["campaign_shopping"])
MEDIUM_KINDS = {word: kind for kind, words in CHANNEL_RULES["mediums"].items() for word in words}
SOURCE_KINDS = ("search", "assistants", "social", "video", "shopping", "mail", "referral")
SUBDOMAINS = {kind: frozenset(words) for kind, words in SOURCES["subdomains"].items()}
SOURCES_BY_DOMAIN = {
    domain: (name, kind) for kind in SOURCE_KINDS for name, domains in SOURCES[kind].items() for domain in domains
}
SOURCES_BY_NAME = {name.lower(): (name, kind) for kind in SOURCE_KINDS for name in SOURCES[kind]} | {
    domain.split(".")[0]: source for domain, source in SOURCES_BY_DOMAIN.items() if domain.count(".") == 1
}
SOURCES_BY_NAME |= {"ig": ("Instagram", "social"), "fb": ("Facebook", "social"), "adwords": ("Google", "search")}
SOURCES_BY_NAME |= {"hn": SOURCES_BY_NAME["hacker news"], "hackernews": SOURCES_BY_NAME["hacker news"]}
ORGANIC_CHANNELS = {
    "search": "Organic Search", "assistants": "AI Assistants", "social": "Organic Social",
    "video": "Organic Video", "shopping": "Organic Shopping", "mail": "Email",
    "referral": "Referral",
}  # fmt: skip
PAID_CHANNELS = {"search": "Paid Search", "social": "Paid Social", "video": "Paid Video", "shopping": "Paid Shopping"}
CHANNELS_BY_MEDIUM = {
    "display": "Display", "social": "Organic Social", "video": "Organic Video", "email": "Email",
    "affiliate": "Affiliates", "audio": "Audio", "sms": "SMS", "push": "Mobile Push Notifications",
    "referral": "Referral", "search": "Organic Search", "shopping": "Organic Shopping",
    "assistant": "AI Assistants",
}  # fmt: skip
ClickFinder = Callable[[Hit, SiteConfig, Event, State], Event]
_finders: list[ClickFinder] = []


class Campaign(NamedTuple):
    """The campaign parameters and click ids of a landing page's address."""

    source: str = ""
    medium: str = ""
    campaign: str = ""
    click_ids: frozenset[str] = frozenset()


NO_CAMPAIGN = Campaign()
NO_PARAMETERS: dict[str, str] = {}
NO_COLUMNS: Event = {}


def find_source(host: str) -> tuple[str, str]:
    """Return (name, kind) of a referring host; ("", "") for a host that is not in the tables."""
    labels = host.split(".")
    for start in range(len(labels)):
        source = find_source_of_domain(labels[start:])
        if source:
            return source if covers_subdomain(source[1], labels[:start]) else ("", "")
    return "", ""


def find_source_of_domain(labels: list[str]) -> tuple[str, str] | None:
    """Return (name, kind) of a domain in the tables, listed itself or as a country's domain of `name.*`."""
    if source := SOURCES_BY_DOMAIN.get(".".join(labels)):
        return source
    rest = labels[1:]
    if (rest and len(rest) <= 2 and all(len(label) <= 3 for label in rest)) or rest == ["com"]:
        return SOURCES_BY_DOMAIN.get(f"{labels[0]}.*")
    return None


def covers_subdomain(kind: str, subdomain: list[str]) -> bool:
    """Return whether a subdomain is still the search engine or shop: countries (`fr`) are, other services are not."""
    allowed = SUBDOMAINS.get(kind)
    return allowed is None or all(label in allowed or len(label) <= 2 for label in subdomain)


def choose_paid_channel(kind: str, campaign: Campaign) -> str:
    """Return the channel of a paid click from a source of this kind."""
    if PAID_SHOPPING_CAMPAIGN.fullmatch(campaign.campaign.lower()):
        return "Paid Shopping"
    return PAID_CHANNELS.get(kind, "Paid Other")


def choose_channel(name: str, kind: str, campaign: Campaign, referred: bool) -> str:
    """Return one of CHANNELS."""
    medium = campaign.medium.lower()
    if "cross-network" in campaign.campaign.lower():
        return "Cross-network"
    if medium in CHANNEL_RULES["mediums"]["display"]:
        return "Display"
    paid_kinds = [
        CHANNEL_RULES["click_ids"][word][1] for word in sorted(campaign.click_ids) if word in CHANNEL_RULES["click_ids"]
    ]
    if PAID_MEDIUM.fullmatch(medium) or paid_kinds:
        if not kind and paid_kinds == ["display"]:
            return "Display"
        return choose_paid_channel(kind, campaign)
    if medium in MEDIUM_KINDS:
        return CHANNELS_BY_MEDIUM[MEDIUM_KINDS[medium]]
    if kind:
        return ORGANIC_CHANNELS[kind]
    return "Referral" if referred or name else "Direct"


def classify_source(host: str, campaign: Campaign) -> tuple[str, str]:
    """Return (source, channel) of a visit by its referring host and its campaign; either may be empty."""
    host = host.removeprefix("www.")
    name, kind = find_source(host) if host else ("", "")
    if campaign.source:
        word = campaign.source.lower().removeprefix("www.")
        named = SOURCES_BY_NAME.get(word) or (find_source(word) if "." in word else ("", ""))
        name, kind = (
            named
            if named[0]
            else (campaign.source.lower(), "mail" if word in MEDIUM_KINDS and MEDIUM_KINDS[word] == "email" else kind)
        )
    if not name and not kind:
        for word in sorted(campaign.click_ids):
            if word in CHANNEL_RULES["click_ids"]:
                name, kind = CHANNEL_RULES["click_ids"][word]
                break
    return name or format_host(host), choose_channel(name or host, kind, campaign, bool(host))


@lru_cache(maxsize=20_000)
def parse_referrer(url: str) -> tuple[str, str, str]:
    """Return a referrer's (address without click ids, host, search term)."""
    host, path, query, _ = split_address(url)
    pairs = parse_qsl(query[:2000]) if query else []
    term = ""
    if find_source(host.removeprefix("www."))[1] == "search":
        words = dict(pairs)
        term = next((words[name] for name in SOURCES["terms"]["names"] if words.get(name)), "")
    removed_names = CLICK_IDS | SESSION_IDS
    stored_query = "&".join(
        part for part in query.split("&") if part and part.partition("=")[0].lower() not in removed_names
    )
    scheme = url.partition("//")[0].lower()
    if scheme not in ("http:", "https:"):
        scheme = "https:" if not scheme or ":" not in scheme else scheme
    address = f"{format_host(host)}{path or '/'}{'?' + stored_query if stored_query else ''}"
    return (
        truncate_path(decode_path(clip_text(f"{scheme}//{address}", MAX_REFERRER_LENGTH)), 500),
        host,
        clip_text(term, 255),
    )


def is_own_host(host: str, page_host: str, hosts: HostMatcher) -> bool:
    """Return whether the referrer is the site itself."""
    if not host or host.removeprefix("www.") == page_host.removeprefix("www."):
        return True
    return not hosts.any_host and hosts.accepts_host(host)


def build_referrer_columns(referrer: str, page_host: str, hosts: HostMatcher) -> tuple[str, Event]:
    """Return (host, columns) of a referrer; ("", {}) for the site's own pages."""
    url, host, term = parse_referrer(clip_text(referrer, 4000))
    if is_own_host(host, page_host, hosts):
        return "", NO_COLUMNS
    columns: Event = {"referrer": url, "referrer_domain": format_host(host.removeprefix("www."))}
    return host, {**columns, "search_term": term} if term else columns


def find_source_columns(hit: Hit, site: SiteConfig, event: Event) -> Event:
    """Return referrer, source, channel, search term and campaign of an event that begins a visit."""
    utm, campaign = find_campaign(hit, site)
    columns = build_source_columns(hit.referrer[:MAX_REFERRER_LENGTH], event["host"], site.hosts, campaign)
    return {**columns, **cast(Event, utm)} if utm else columns


@lru_cache(maxsize=20_000)
def build_source_columns(referrer: str, page_host: str, hosts: HostMatcher, campaign: Campaign) -> Event:
    """Return the columns of a visit's source by its referrer and its campaign. Callers must not change them."""
    host, columns = build_referrer_columns(referrer, page_host, hosts) if referrer else ("", NO_COLUMNS)
    source, channel = classify_source(host, campaign)
    return {**columns, "channel": channel, "source": source} if source else {**columns, "channel": channel}


def find_campaign(hit: Hit, site: SiteConfig) -> tuple[dict[str, str], Campaign]:
    """Return the campaign that the page or its address names, as parameters of UTM_NAMES and as the source sees it."""
    if "?" not in hit.url and "#" not in hit.url and not hit.utm:  # only a query or fragment can name one
        return NO_PARAMETERS, NO_CAMPAIGN
    page = get_page_address(hit.url, site)
    utm = page.utm
    if hit.utm:
        utm = {**utm, **{name: clip_text(hit.utm[name], 255) for name in UTM_NAMES if hit.utm.get(name)}}
    get = utm.get
    return utm, Campaign(
        get("utm_source", "") or page.source, get("utm_medium", ""), get("utm_campaign", ""), page.click_ids
    )


def register_joiner(finder: ClickFinder) -> None:
    """Register `finder(hit, site, event, state)`; it returns the columns link_id, group_id and click_id, or {}."""
    if finder not in _finders:
        _finders.append(finder)


def find_click(hit: Hit, site: SiteConfig, event: Event, state: State) -> Event | None:
    """Return the link and the click that led to this view, if any."""
    for finder in _finders:
        if columns := finder(hit, site, event, state):
            return columns
    return None
