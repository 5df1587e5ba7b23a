"""The routing engine: decide where a click goes, from a link's snapshot and the click's context, without I/O.

The order: what stops a click (status, dates, maximum clicks), rules that precede the mode (schedule, device, first
click), the mode, and nesting: a destination that is itself a link here is followed, at most MAX_HOPS deep. The result
is never empty and never an unsafe URL: the fallback is the link's main URL, else the click stops.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime

from links.models import Status
from links.routing.snapshot import LinkSnapshot
from links.url_policy import is_safe, split_url

MAX_HOPS = 5


@dataclass(slots=True)
class ClickContext:
    """Who clicks. The callables read or change state that is kept between clicks; those of a bot only read."""

    now: datetime
    _: KW_ONLY
    languages: tuple[str, ...] = ()  # lower case, in order of preference
    country: str = ""
    device: str = ""
    email_client: bool = False
    is_bot: bool = False
    requested_url: str = ""  # the query parameter `ddu`, which dynamic links lead to
    is_unique: Callable[[LinkSnapshot], bool] = lambda link: True
    click_number: Callable[[LinkSnapshot], int] = lambda link: 1  # this click's number on the link, from 1
    previous_clicks: Callable[[LinkSnapshot], int] = lambda link: 0  # this visitor's earlier clicks on the link
    allowed_hosts: Callable[[LinkSnapshot], frozenset[str]] = lambda link: frozenset()
    random_source: random.Random = field(default_factory=random.Random)


@dataclass(slots=True)
class RoutingDecision:
    """The result of routing: each link passed with the URL it chose, or the reason why the click stops."""

    hops: list[tuple[LinkSnapshot, str]] = field(default_factory=list)
    stop_reason: str = ""  # "", "paused", "blocked", "expired", "nowhere"

    @property
    def url(self) -> str:
        return self.hops[-1][1] if self.hops and not self.stop_reason else ""


FindLink = Callable[[str, str], LinkSnapshot | None]


def route_click(link: LinkSnapshot, context: ClickContext, find: FindLink) -> RoutingDecision:
    """Route a click through the link and the links it leads to. `find(host, path)` looks up nested links."""
    decision = RoutingDecision()
    current: LinkSnapshot | None = link
    visited_ids: set[int] = set()
    while current is not None:
        if current.link_id in visited_ids or len(decision.hops) >= MAX_HOPS:
            decision.stop_reason = "nowhere"
            return decision
        visited_ids.add(current.link_id)
        stop, url = route_link(current, context)
        if stop:
            decision.stop_reason = stop
            return decision
        decision.hops.append((current, url))
        parts = split_url(url)
        current = find(parts.hostname or "", parts.path)
        if current is not None and (current.kind or current.password):
            current = None  # a pixel leads nowhere, and a link with a password asks for it at its own address
    return decision


def route_link(link: LinkSnapshot, context: ClickContext) -> tuple[str, str]:
    """Route one link: (stop reason, "") or ("", safe URL)."""
    if link.is_plain:
        return ("", link.url) if is_safe(link.url) else ("nowhere", "")
    stop, url = find_stop(link, context)
    if stop or url:
        return choose_first_safe_url(stop, url, link)
    return choose_first_safe_url("", choose_url(link, context), link)


def choose_first_safe_url(stop: str, url: str, link: LinkSnapshot) -> tuple[str, str]:
    """Return (stop, "") if the click stops, else the first safe one of `url` and the link's main URL."""
    if stop:
        return stop, ""
    for candidate in (url, link.url):
        if candidate and is_safe(candidate):
            return "", candidate
    return "nowhere", ""


def find_stop(link: LinkSnapshot, context: ClickContext) -> tuple[str, str]:
    """Find what ends a click before the rules: (stop reason, "") or ("", URL after expiration); ("", "") if nothing."""
    if link.status == Status.PAUSED or (link.starts and context.now < link.starts):
        return "paused", ""
    if link.status != Status.ACTIVE:
        return "blocked", ""
    if link.expiration_date and context.now >= link.expiration_date:
        return choose_after_end(link.pause_after_date, link.url_after_date)
    if link.expiration_clicks and context.click_number(link) > link.expiration_clicks:
        return choose_after_end(link.pause_after_clicks, link.url_after_clicks)
    return "", ""


def choose_after_end(pause: bool, url: str) -> tuple[str, str]:
    """Return the (stop reason, URL) of a link after its last day or click: paused, a redirect to `url`, or expired."""
    if pause:
        return "paused", ""
    return ("", url) if url else ("expired", "")


def choose_url(link: LinkSnapshot, context: ClickContext) -> str:
    """Return where the rules send the click: those that precede the mode, the first click, the mode."""
    if url := link.rules.choose_before_mode(context):
        return url
    if link.first_url and not context.is_bot and context.is_unique(link):
        return link.first_url
    return link.rules.mode.choose(link, context) or link.url
