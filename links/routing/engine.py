"""The routing engine: decide where a click goes, from a link's snapshot and the click's context, without I/O.

The order: what stops a click (status, dates, maximum clicks), rules that precede the mode (schedule, device, first
click), the mode, and nesting: a destination that is itself a link here is followed, at most MAX_HOPS deep. The result
is never empty and never an unsafe URL: the fallback is the link's main URL, else the click stops.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from links.models import Mode, Status
from links.routing.snapshot import LinkSnapshot
from links.url_policy import clean_dynamic_url, is_safe, split_url

MAX_HOPS = 5


@dataclass(slots=True)
class ClickContext:
    """Who clicks. The callables read or change state that is kept between clicks; those of a bot only read."""

    now: datetime
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
    return choose_first_safe_url(
        "", choose_before_mode(link, context) or CHOOSERS[link.mode](link, context) or link.url, link
    )


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


def choose_before_mode(link: LinkSnapshot, context: ClickContext) -> str:
    """Apply the rules that precede the mode; "" if none matches."""
    for row in link.rules.get("schedule", ()):
        if is_scheduled(row, context.now, link.rules.get("zone", "UTC")):
            return str(row["url"])
    for device, url in link.rules.get("devices", ()):
        if device == context.device:
            return str(url)
    if link.first_url and not context.is_bot and context.is_unique(link):
        return link.first_url
    return ""


def is_scheduled(row: dict[str, object], now: datetime, zone: str) -> bool:
    """Return whether a row of the schedule is active; a time that ends before it begins spans midnight."""
    local = now.astimezone(ZoneInfo(zone))
    clock, begin, end = local.strftime("%H:%M"), str(row["from"]), str(row["until"])
    days: list[int] = row["days"]  # type: ignore[assignment]
    today = local.isoweekday()
    if begin <= end:
        return today in days and begin <= clock <= end
    yesterday = 7 if today == 1 else today - 1
    return (today in days and clock >= begin) or (yesterday in days and clock <= end)


def choose_main_url(link: LinkSnapshot, context: ClickContext) -> str:
    return link.url


def choose_randomly(link: LinkSnapshot, context: ClickContext) -> str:
    items = link.rules.get("random")
    return str(context.random_source.choice(items)) if items else ""


def choose_in_turn(link: LinkSnapshot, context: ClickContext) -> str:
    items = link.rules.get("sequential")
    return str(items[(context.click_number(link) - 1) % len(items)]) if items else ""


def choose_spillover(link: LinkSnapshot, context: ClickContext) -> str:
    items = link.rules.get("spillover")
    return str(items[min(context.previous_clicks(link), len(items) - 1)]) if items else ""


def choose_by_weight(link: LinkSnapshot, context: ClickContext) -> str:
    items = link.rules.get("weighted") or ()
    point = context.random_source.random() * sum(weight for _, weight in items)
    for url, weight in items:
        point -= weight
        if point < 0:
            return str(url)
    return ""


def choose_by_language(link: LinkSnapshot, context: ClickContext) -> str:
    table = dict(link.rules.get("languages", ()))
    for language in context.languages:
        url = table.get(language) or table.get(language.partition("-")[0])
        if url:
            return str(url)
    return ""


def choose_by_country(link: LinkSnapshot, context: ClickContext) -> str:
    return str(dict(link.rules.get("nations", ())).get(context.country, ""))


def choose_by_browser(link: LinkSnapshot, context: ClickContext) -> str:
    table = link.rules.get("browser", {})
    if context.email_client:  # before bots: mail programs prefetch what people are about to open
        return str(table.get("email", ""))
    if context.is_bot:
        return str(table.get("spiders", ""))
    return str(table.get("mobile", "")) if context.device in ("Mobile", "Tablet") else ""


def choose_for_first_click(link: LinkSnapshot, context: ClickContext) -> str:
    first = link.rules.get("first", "")
    return str(first) if first and not context.is_bot and context.is_unique(link) else ""


def choose_requested_url(link: LinkSnapshot, context: ClickContext) -> str:
    return clean_dynamic_url(context.requested_url, context.allowed_hosts(link)) if context.requested_url else ""


CHOOSERS: dict[int, Callable[[LinkSnapshot, ClickContext], str]] = {
    Mode.SIMPLE: choose_main_url,
    Mode.RANDOM: choose_randomly,
    Mode.LANGUAGE: choose_by_language,
    Mode.SPILLOVER: choose_spillover,
    Mode.DYNAMIC: choose_requested_url,
    Mode.BROWSER: choose_by_browser,
    Mode.NATION: choose_by_country,
    Mode.UNIQUE: choose_for_first_click,
    Mode.SEQUENTIAL: choose_in_turn,
    Mode.WEIGHTED: choose_by_weight,
}
