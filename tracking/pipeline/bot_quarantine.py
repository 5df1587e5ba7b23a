"""Detect bots by a list of checks in order of cost; the first that finds something quarantines the hit.

A check is `check(hit, site, event) -> reason | ""`; add one to BOT_CHECKS. The pace is checked after them, since that
counts the hit. A reason is `kind: detail`. A trusted sender is not judged by its own headers, only by the user agent
that it passes on for its visitor. What members of the site marked by hand (`SiteConfig.people`, `SiteConfig.robots`)
takes precedence over every check. A program with a key of the site sends from a server: only the user agent and the
referrer that it passes on are judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sites.site_config import SiteConfig
from tracking.bots import headers, lists
from tracking.bots.headers import find_header_fault
from tracking.event import Event, Hit, Rejection
from tracking.pipeline.rejections import is_spam
from tracking.pipeline.source import parse_referrer
from tracking.pipeline.visit import join_visit
from tracking.state.base import State

BotCheck = Callable[[Hit, SiteConfig, Event], str]
AUTOMATION_SIGNS = {"webdriver": "webdriver", "tool": "tool", "nolang": "no languages", "softgpu": "software GPU"}
SPAM = "spam"
BY_HAND = "by hand"


@dataclass(slots=True, frozen=True)
class Quarantine(Rejection):
    """The rejection of a bot's hit, whose event is stored in the table `bots` with the reason."""

    event: Event = field(default_factory=Event)
    bot_reason: str = ""


def get_crawler_name(user_agent: str) -> str:
    """Return the crawler's name in a user agent, in lower case; "" for a browser."""
    return headers.find_name(user_agent).partition(": ")[2]


def has_visitor_headers(hit: Hit) -> bool:
    """Return whether user agent and headers are the visitor's; with a trusted key the headers are the sender's own."""
    return not (hit.trusted and hit.headers)


def check_user_agent(hit: Hit, site: SiteConfig, event: Event) -> str:
    """Check the user agent: is it in a list of crawlers and tools, or has it a form that no browser's has?

    Programs with a key of the site may have any form.
    """
    if not hit.user_agent or (hit.trusted and not has_visitor_headers(hit)):
        return ""
    return headers.find_name(hit.user_agent) if hit.keyed else headers.find_name_or_form(hit.user_agent)


def check_automation_signs(hit: Hit, site: SiteConfig, event: Event) -> str:
    """Check the signs by which the tracker recognised an automated browser."""
    if not hit.signs:
        return ""
    signs = [AUTOMATION_SIGNS[reason] for reason in hit.signs.split(",") if reason in AUTOMATION_SIGNS]
    return f"automation: {signs[0]}" if signs else ""


def check_referrer(hit: Hit, site: SiteConfig, event: Event) -> str:
    """Check whether the referrer only advertises itself."""
    if not hit.referrer or not is_spam(hit.referrer[:500]):
        return ""
    return f"{SPAM}: {parse_referrer(hit.referrer[:500])[1]}"


def check_headers(hit: Hit, site: SiteConfig, event: Event) -> str:
    """Check the headers: browsers send others."""
    if hit.trusted or hit.keyed or not hit.headers:
        return ""
    return find_header_fault(hit.headers, hit.user_agent, hit.http_version)


def check_network(hit: Hit, site: SiteConfig, event: Event) -> str:
    """Check whether the address is in a data centre, unless the site counts those. Programs with a key run in one."""
    number = event.get("asn")
    if not number or hit.trusted or hit.keyed or site.tracker.data_centres == "count":
        return ""
    name = event.get("organization", "")
    return f"data_centre: {name}" if lists.is_hosting(number, name) else ""


def check_pace(hit: Hit, site: SiteConfig, event: Event, state: State) -> str:
    """Check the rate of views and clicks against what people can do."""
    if hit.trusted or hit.keyed:
        return ""
    request_rates = state.local.request_rates
    if hit.kind == "link":
        return request_rates.count_click(hit.ip, int(hit.now.timestamp()) // 60)
    if hit.kind == "view":
        return request_rates.count_view(site.site_id, event["device"], hit.ip, int(hit.now.timestamp()) // 60)
    if hit.kind != "ping" or hit.engaged:
        request_rates.note_attention(site.site_id, event["device"], int(hit.now.timestamp()) // 60)
    return ""


BOT_CHECKS: tuple[BotCheck, ...] = (
    check_user_agent,
    check_automation_signs,
    check_referrer,
    check_headers,
    check_network,
)


def is_marked(site: SiteConfig, event: Event, marks: frozenset[str]) -> bool:
    """Return whether a member of the site marked this device or user agent."""
    return f"device:{event.get('device', 0)}" in marks or f"agent:{event.get('user_agent', '')}" in marks


def find_bot_reason(
    hit: Hit, site: SiteConfig, event: Event, state: State, checks: tuple[BotCheck, ...] = BOT_CHECKS
) -> str:
    """Return why this hit is a bot's by the first of the checks that finds something; "" for a person."""
    if site.people and is_marked(site, event, site.people):
        return ""
    if site.robots and is_marked(site, event, site.robots):
        return BY_HAND
    for check in checks:
        reason = check(hit, site, event)
        if reason:
            return reason
    return check_pace(hit, site, event, state)


def quarantine_bots(hit: Hit, site: SiteConfig, event: Event, state: State) -> Rejection | None:
    """Reject bots' hits. Their complete events go to quarantine with visits of their own, so they can be restored."""
    if not hit.user_agent and not hit.trusted:
        return Rejection("no_user_agent")
    reason = find_bot_reason(hit, site, event, state)
    if not reason:
        return None
    columns = join_visit(hit, site, event, state, is_bot=True)
    if isinstance(columns, Rejection):
        return columns
    return Quarantine(SPAM if reason.startswith(SPAM) else "bot", {**event, **columns}, reason)
