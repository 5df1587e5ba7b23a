"""Who is no person? Layers in order of cost; the first that finds a sign sets the hit apart.

A layer is `layer(hit, facts, event) -> sign | ""`; add one to LAYERS. A sign is `kind: detail`. A trusted sender is
not judged by what it says of itself, only by the user agent that it states for its visitor. What the site's people
said about a device or a user agent (`SiteFacts.people`, `SiteFacts.robots`) goes before every layer. A program with a
key of the site sends from a server: only the user agent and the referrer that it passes on are judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sites.facts import SiteFacts
from tracking.bots import agents, hosting
from tracking.bots.asking import by_headers
from tracking.bots.pace import pace
from tracking.hit import Event, Hit, Refused
from tracking.steps.refuse import is_spam
from tracking.steps.source import stored_referrer
from tracking.steps.visit import join_visit_of_bot

Layer = Callable[[Hit, SiteFacts, Event], str]
DRIVEN = {"webdriver": "webdriver", "tool": "tool", "nolang": "no languages", "softgpu": "software GPU"}
SPAM = "spam"
BY_HAND = "by hand"


@dataclass(slots=True, frozen=True)
class SetApart(Refused):
    """A bot's hit: refused, yet kept in its own table with the sign that gave it away."""

    event: Event = field(default_factory=dict)
    sign: str = ""


def crawler_name(user_agent: str) -> str:
    """The crawler's word in a user agent, lower case; "" for a browser."""
    return agents.by_name(user_agent).partition(": ")[2]


def speaks_for_itself(hit: Hit) -> bool:
    """Whether user agent and headers are the visitor's: a trusted sender's own come with its headers."""
    return not (hit.trusted and hit.headers)


def by_agent(hit: Hit, facts: SiteFacts, event: Event) -> str:
    """A kept list of crawlers and tools knows the user agent, or it has a form that no browser's has.

    Programs with a key of the site may have any form.
    """
    if not hit.user_agent or (hit.trusted and not speaks_for_itself(hit)):
        return ""
    return agents.by_name(hit.user_agent) if hit.keyed else agents.by_name_or_form(hit.user_agent)


def by_signs(hit: Hit, facts: SiteFacts, event: Event) -> str:
    """The tracker saw that the browser is driven by a program."""
    if not hit.signs:
        return ""
    found = [DRIVEN[sign] for sign in hit.signs.split(",") if sign in DRIVEN]
    return f"automation: {found[0]}" if found else ""


def by_referrer(hit: Hit, facts: SiteFacts, event: Event) -> str:
    """The referrer only advertises itself."""
    if not hit.referrer or not is_spam(hit.referrer[:500]):
        return ""
    return f"{SPAM}: {stored_referrer(hit.referrer[:500])[1]}"


def by_pattern(hit: Hit, facts: SiteFacts, event: Event) -> str:
    """A browser asks otherwise."""
    if hit.trusted or hit.keyed or not hit.headers:
        return ""
    return by_headers(hit.headers, hit.user_agent, hit.http_version)


def by_network(hit: Hit, facts: SiteFacts, event: Event) -> str:
    """The address belongs to a data centre, unless the site counts them. Programs with a key usually run in one."""
    number = event.get("asn")
    if not number or hit.trusted or hit.keyed or facts.tracker.get("data_centres") == "count":
        return ""
    name = event.get("organization", "")
    return f"data_centre: {name}" if hosting.is_hosting(number, name) else ""


def by_pace(hit: Hit, facts: SiteFacts, event: Event) -> str:
    """Nobody reads that fast."""
    if hit.trusted or hit.keyed:
        return ""
    if hit.kind == "link":
        return pace.click(hit.ip, int(hit.now.timestamp()) // 60)
    if hit.kind == "view":
        return pace.view(facts.site_id, event["device"], hit.ip, int(hit.now.timestamp()) // 60)
    if hit.kind != "ping" or hit.engaged:
        pace.attention(facts.site_id, event["device"], int(hit.now.timestamp()) // 60)
    return ""


LAYERS: tuple[Layer, ...] = (by_agent, by_signs, by_referrer, by_pattern, by_network, by_pace)


def told(facts: SiteFacts, event: Event, marks: frozenset[str]) -> bool:
    """Whether people of the site marked this device or user agent."""
    return f"device:{event.get('device', 0)}" in marks or f"agent:{event.get('user_agent', '')}" in marks


def sign_of(hit: Hit, facts: SiteFacts, event: Event) -> str:
    """What gives this hit away; "" for a person."""
    if facts.people and told(facts, event, facts.people):
        return ""
    if facts.robots and told(facts, event, facts.robots):
        return BY_HAND
    for layer in LAYERS:
        sign = layer(hit, facts, event)
        if sign:
            return sign
    return ""


def set_bots_apart(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Ask every layer. A bot's event is kept whole, with a visit of its own, so that it can be moved back."""
    if not hit.user_agent and not hit.trusted:
        return Refused("no_user_agent")
    sign = sign_of(hit, facts, event)
    if not sign:
        return None
    if refused := join_visit_of_bot(hit, facts, event):
        return refused
    return SetApart(SPAM if sign.startswith(SPAM) else "bot", event, sign)
