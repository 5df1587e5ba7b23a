"""Who sent the visitor: referrer, campaign and click ids become a source and one of the channels.

Names and rules are data (`tracking/data/sources.toml`, `channels.toml`); here is only the order of asking. A
campaign's own words win over the referrer, and a paid click over an unpaid one.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl

from accounts.host_names import readable_host
from sites.facts import SiteFacts
from sites.hosts import HostMatcher
from sites.page_paths import cut, readable_path
from tracking.hit import Event, Hit, Refused
from tracking.steps.page import CLICK_IDS, SESSION_IDS, UTM_NAMES, clip, split_address

LONGEST_REFERRER = 4100  # what is read of one, and some blanks
DATA = Path(__file__).resolve().parent.parent / "data"
SOURCES = tomllib.loads((DATA / "sources.toml").read_text())
RULES = tomllib.loads((DATA / "channels.toml").read_text())
CHANNELS: tuple[str, ...] = tuple(RULES["order"])
PAID = re.compile(RULES["paid"]["medium"])
PAID_SHOPPING = re.compile(RULES["paid"]["campaign_shopping"])
MEDIUMS = {word: kind for kind, words in RULES["mediums"].items() for word in words}
KINDS = ("search", "assistants", "social", "video", "shopping", "mail", "referral")
SUBDOMAINS = {kind: frozenset(words) for kind, words in SOURCES["subdomains"].items()}
BY_DOMAIN = {domain: (name, kind) for kind in KINDS for name, domains in SOURCES[kind].items() for domain in domains}
BY_NAME = {name.lower(): (name, kind) for kind in KINDS for name in SOURCES[kind]} | {
    domain.split(".")[0]: found for domain, found in BY_DOMAIN.items() if domain.count(".") == 1
}
BY_NAME |= {"ig": ("Instagram", "social"), "fb": ("Facebook", "social"), "adwords": ("Google", "search")}
BY_NAME |= {"hn": BY_NAME["hacker news"], "hackernews": BY_NAME["hacker news"]}
ORGANIC = {
    "search": "Organic Search", "assistants": "AI Assistants", "social": "Organic Social",
    "video": "Organic Video", "shopping": "Organic Shopping", "mail": "Email",
    "referral": "Referral",
}  # fmt: skip
BOUGHT = {"search": "Paid Search", "social": "Paid Social", "video": "Paid Video", "shopping": "Paid Shopping"}
BY_MEDIUM = {
    "display": "Display", "social": "Organic Social", "video": "Organic Video", "email": "Email",
    "affiliate": "Affiliates", "audio": "Audio", "sms": "SMS", "push": "Mobile Push Notifications",
    "referral": "Referral", "search": "Organic Search", "shopping": "Organic Shopping",
    "assistant": "AI Assistants",
}  # fmt: skip


class Campaign(NamedTuple):
    """The words of a landing address that tell where it was placed."""

    source: str = ""
    medium: str = ""
    campaign: str = ""
    click_ids: frozenset[str] = frozenset()


UNNAMED = Campaign()


def sender(host: str) -> tuple[str, str]:
    """(name, kind) of a referring host; ("", "") for one that no table knows."""
    labels = host.split(".")
    for at in range(len(labels)):
        found = sender_of_domain(labels[at:])
        if found:
            return found if covers(found[1], labels[:at]) else ("", "")
    return "", ""


def sender_of_domain(labels: list[str]) -> tuple[str, str] | None:
    """(name, kind) of a domain in the tables, by itself or as one country's of `name.*`."""
    if found := BY_DOMAIN.get(".".join(labels)):
        return found
    rest = labels[1:]
    if (rest and len(rest) <= 2 and all(len(label) <= 3 for label in rest)) or rest == ["com"]:
        return BY_DOMAIN.get(f"{labels[0]}.*")
    return None


def covers(kind: str, subdomain: list[str]) -> bool:
    """Whether a subdomain of a search engine or a shop is one too; countries (`fr`) are, other services are not."""
    known = SUBDOMAINS.get(kind)
    return known is None or all(label in known or len(label) <= 2 for label in subdomain)


def paid_channel(kind: str, campaign: Campaign) -> str:
    """The channel of a paid click on a sender of this kind."""
    if PAID_SHOPPING.fullmatch(campaign.campaign.lower()):
        return "Paid Shopping"
    return BOUGHT.get(kind, "Paid Other")


def channel_of(name: str, kind: str, campaign: Campaign, referred: bool) -> str:
    """One of CHANNELS."""
    medium = campaign.medium.lower()
    if "cross-network" in campaign.campaign.lower():
        return "Cross-network"
    if medium in RULES["mediums"]["display"]:
        return "Display"
    bought = [RULES["click_ids"][word][1] for word in sorted(campaign.click_ids) if word in RULES["click_ids"]]
    if PAID.fullmatch(medium) or bought:
        if not kind and bought == ["display"]:
            return "Display"
        return paid_channel(kind, campaign)
    if medium in MEDIUMS:
        return BY_MEDIUM[MEDIUMS[medium]]
    if kind:
        return ORGANIC[kind]
    return "Referral" if referred or name else "Direct"


@lru_cache(maxsize=20_000)
def judge(host: str, campaign: Campaign) -> tuple[str, str]:
    """(source, channel) of a visit that came from this host with these words. Both may be all there is."""
    host = host.removeprefix("www.")
    name, kind = sender(host) if host else ("", "")
    if campaign.source:
        word = campaign.source.lower().removeprefix("www.")
        known = BY_NAME.get(word) or (sender(word) if "." in word else ("", ""))
        name, kind = (
            known
            if known[0]
            else (campaign.source.lower(), "mail" if word in MEDIUMS and MEDIUMS[word] == "email" else kind)
        )
    if not name and not kind:
        for word in sorted(campaign.click_ids):
            if word in RULES["click_ids"]:
                name, kind = RULES["click_ids"][word]
                break
    return name or readable_host(host), channel_of(name or host, kind, campaign, bool(host))


@lru_cache(maxsize=20_000)
def stored_referrer(url: str) -> tuple[str, str, str]:
    """(address without click ids, host, search term) of a referrer."""
    host, path, query, _ = split_address(url)
    pairs = parse_qsl(query[:2000]) if query else []
    term = ""
    if sender(host.removeprefix("www."))[1] == "search":
        words = dict(pairs)
        term = next((words[name] for name in SOURCES["terms"]["names"] if words.get(name)), "")
    dropped = CLICK_IDS | SESSION_IDS
    kept = "&".join(part for part in query.split("&") if part and part.partition("=")[0].lower() not in dropped)
    scheme = url.partition("//")[0].lower()
    if scheme not in ("http:", "https:"):
        scheme = "https:" if not scheme or ":" not in scheme else scheme
    address = f"{readable_host(host)}{path or '/'}{'?' + kept if kept else ''}"
    return cut(readable_path(clip(f"{scheme}//{address}", LONGEST_REFERRER)), 500), host, clip(term, 255)


def is_own(host: str, page_host: str, hosts: HostMatcher) -> bool:
    """Whether the referrer is the site itself."""
    if not host or host.removeprefix("www.") == page_host.removeprefix("www."):
        return True
    return not hosts.any_host and hosts.accepts_host(host)


@lru_cache(maxsize=20_000)
def referrer_columns(referrer: str, page_host: str, hosts: HostMatcher) -> tuple[str, dict[str, str]]:
    """(host, columns) of a referrer; ("", {}) for the site's own pages."""
    url, host, term = stored_referrer(clip(referrer, 4000))
    if is_own(host, page_host, hosts):
        return "", {}
    columns = {"referrer": url, "referrer_domain": readable_host(host.removeprefix("www."))}
    return host, {**columns, "search_term": term} if term else columns


def read_source(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Fill referrer, source, channel and search term of what may begin a visit."""
    host = ""
    if hit.referrer:
        host, columns = referrer_columns(hit.referrer[:LONGEST_REFERRER], event["host"], facts.hosts)
        event.update(columns)
    click_ids = hit.click_ids
    if hit.source_word or "utm_source" in event or "utm_medium" in event or "utm_campaign" in event:
        source, medium, name = (event.get(word, "") for word in UTM_NAMES[:3])
        source = source or hit.source_word
        found, event["channel"] = judge(host, Campaign(source, medium, name, click_ids))
    else:
        found, event["channel"] = judge(host, Campaign("", "", "", click_ids) if click_ids else UNNAMED)
    if found:
        event["source"] = found
    return None
