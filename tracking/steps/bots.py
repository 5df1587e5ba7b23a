"""Who is no person? Layers in order of cost; the first that finds a sign sets the hit apart.

A layer is `layer(hit, facts, event) -> sign | ""`; add one to LAYERS. A trusted sender is not judged by its own
user agent (doors leave it empty then), only by the one it states for its visitor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from crawlerdetect import CrawlerDetect

from sites.facts import SiteFacts
from tracking.hit import Event, Hit, Refused

Layer = Callable[[Hit, SiteFacts, Event], str]
_signatures = CrawlerDetect()
DRIVEN = frozenset({"webdriver", "tool"})


@dataclass(slots=True, frozen=True)
class SetApart(Refused):
    """A bot's hit: refused, yet kept in its own table with the sign that gave it away."""

    event: Event = field(default_factory=dict)
    sign: str = ""


@lru_cache(maxsize=20_000)
def crawler_name(user_agent: str) -> str:
    """The crawler's word in a user agent, lower case; "" for a browser."""
    if not _signatures.isCrawler(user_agent[:1000]):
        return ""
    return str(_signatures.getMatches() or "crawler").lower()[:60]


def by_signature(hit: Hit, facts: SiteFacts, event: Event) -> str:
    """A kept list of crawlers knows the user agent."""
    name = crawler_name(hit.user_agent) if hit.user_agent else ""
    return f"signature: {name}" if name else ""


def by_signs(hit: Hit, facts: SiteFacts, event: Event) -> str:
    """The tracker saw that the browser is driven by a program."""
    found = [sign for sign in hit.signs.split(",") if sign in DRIVEN]
    return f"automation: {found[0]}" if found else ""


LAYERS: tuple[Layer, ...] = (by_signature, by_signs)


def set_bots_apart(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Ask every layer."""
    if not hit.user_agent and not hit.trusted:
        return Refused("no_user_agent")
    for layer in LAYERS:
        sign = layer(hit, facts, event)
        if sign:
            return SetApart("bot", event, sign)
    return None
