"""A click becomes an event: the steps the beacons pass too, then what only links have, then the spool.

Links of an account count under the account's own number where web events have their site's, so that nobody's
clicks are read together with another tenant's and no web report ever sees them. Spiders and previews are events
of the kind "spider": told apart in every number, visible in the clickstream.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from accounts.host_names import host_name
from accounts.security.client_ip import is_in_networks
from links import known, thread, tokens, windows
from links.choose import Asker, Choice, choose
from links.destination import CLICK_PARAMETER, S2S, host_of, with_parameters, with_query
from links.facts import AccountFacts, LinkFacts
from links.pausing import note_click
from sites import known as known_sites
from sites.facts import SiteFacts
from tracking import intake
from tracking.hit import Event, Hit, Refused
from tracking.steps import bots
from tracking.steps.agent import read_agent
from tracking.steps.device import recognise_device
from tracking.steps.page import LONGEST_PATH, read_page, read_words
from tracking.steps.place import locate
from tracking.steps.privacy import keep_less_of_the_address
from tracking.steps.source import read_source


def read_address(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Fill where it was clicked. Most links are clicked at their bare address: there is nothing to take apart."""
    if hit.text or hit.kind != "link":
        return read_page(hit, facts, event)
    _, _, rest = hit.url.partition("//")
    host, slash, path = rest.partition("/")
    event["host"], event["path"] = host_name(host), (slash + path)[:LONGEST_PATH]
    return None


STEPS = (read_address, locate, read_words, read_agent, read_source, recognise_device)
PREVIEWS = (
    "facebookexternalhit", "facebot", "slackbot", "slack-imgproxy", "twitterbot", "whatsapp", "telegrambot",
    "discordbot", "linkedinbot", "skypeuripreview", "pinterestbot", "redditbot", "embedly", "iframely", "vkshare",
    "viber", "snapchat", "mattermost", "microsoftpreview", "google-pagerenderer", "bitlybot", "mastodon",
)  # fmt: skip
EMAIL_CLIENTS = ("thunderbird", "outlook", "ms-office", "mailbird", "postbox", "lotus-notes", "emclient", "airmail")
PURPOSES = ("sec-purpose", "purpose", "x-purpose", "x-moz")  # headers of browsers that fetch ahead
LONGEST_AGENT = 600
random_source = random.SystemRandom()


@dataclass(slots=True)
class Click:
    """One click on its way: the hit, its event, what was chosen, the word that stands for it."""

    link: LinkFacts
    hit: Hit
    account: AccountFacts
    event: Event
    sign: str = ""  # why it is no person; "" for one
    choice: Choice = field(default_factory=Choice)
    host: str = ""  # of the destination, where it is known beforehand
    number: tokens.Click = tokens.NOBODY
    word: str = ""
    keys: tuple[int, ...] = ()  # the address's numbers, `windows.address_keys`
    walked: dict[int, int] = field(default_factory=dict)  # link -> how often this visitor was there (cookie)
    uniques: dict[int, bool] = field(default_factory=dict)
    turns: dict[int, int] = field(default_factory=dict)

    def unique(self, link: LinkFacts) -> bool:
        """First of its address on this link in 30 minutes; asked once, remembered for the rest of the click."""
        if self.sign:
            return False
        if link.link_id not in self.uniques:
            self.uniques[link.link_id] = windows.unique_click(link.link_id, self.keys, self.hit.now)
        return self.uniques[link.link_id]

    def turn(self, link: LinkFacts) -> int:
        """This click's number on the link; a spider sees where it stands and counts nothing."""
        if self.sign:
            return windows.counters.peek(link.link_id) + 1
        if link.link_id not in self.turns:
            self.turns[link.link_id] = windows.counters.next(link.link_id)
        return self.turns[link.link_id]


def sign_of(hit: Hit, method: str) -> str:
    """Why this is no person, as far as method, purpose and user agent tell: a preview, a browser that only fetches
    ahead, a crawler; "" for a person.

    Pixels and conversions are judged by no more than that: mail programs and their proxies, which fetch pixels for
    people, stand in data centres and send no languages.
    """
    if method == "HEAD":
        return "preview: head"
    purpose = " ".join(hit.headers.get(name, "") for name in PURPOSES)
    if "prefetch" in purpose or "preview" in purpose:
        return "preview: prefetch"
    return agent_sign(hit.user_agent[:LONGEST_AGENT])


def sign_of_click(hit: Hit, method: str, facts: SiteFacts, event: Event) -> str:
    """Why a click is no person's: what `sign_of` tells, else the layers that judge visitors of pages."""
    return sign_of(hit, method) or bots.sign_of(hit, facts, event)


@lru_cache(maxsize=20_000)
def agent_sign(user_agent: str) -> str:
    """What a user agent alone gives away."""
    if not user_agent:
        return "no user agent"
    low = user_agent.lower()
    for word in PREVIEWS:
        if word in low:
            return f"preview: {word}"
    name = bots.crawler_name(user_agent)
    return f"signature: {name}" if name else ""


def begin(link: LinkFacts, hit: Hit, account: AccountFacts, method: str, ddu: str, walked: dict[int, int]) -> Click:
    """Understand who clicks and choose the way; nothing is recorded yet."""
    now = hit.now
    event: Event = {
        "site_id": link.account_id, "kind": hit.kind, "ts": now, "account_id": link.account_id,
        "link_id": link.link_id, "group_id": link.group_id,
    }  # fmt: skip
    for step in STEPS:
        step(hit, account.site, event)
    judged = sign_of_click(hit, method, account.site, event) if hit.kind == "link" else sign_of(hit, method)
    click = Click(link, hit, account, event, judged, walked=walked)
    click.number = tokens.Click(tokens.new_click_id(), link.link_id, int(now.timestamp()))
    click.keys = windows.address_keys(hit.ip, now)
    if link.host and not known.is_link_domain(link.host):  # one address, and somebody else's
        click.choice, click.host = Choice([(link, link.url)]), link.host
    else:
        click.choice = choose(link, asker_of(click, ddu), known.by_path)
        for number, turn in click.turns.items():
            if (counted := known.link(number)) is not None:
                note_click(counted, turn)
    return click


def asker_of(click: Click, ddu: str) -> Asker:
    event, hit = click.event, click.hit
    low = hit.user_agent.lower()
    return Asker(
        now=hit.now,
        languages=languages(hit.headers.get("accept-language", "")[:500]),
        country=event.get("country", ""),
        device=event.get("device_type", ""),
        email_client=any(word in low for word in EMAIL_CLIENTS),
        spider=bool(click.sign),
        ddu=ddu,
        unique=click.unique,
        turn=click.turn,
        step=lambda link: click.walked.get(link.link_id, 0),
        allowed=lambda link: click.account.whitelist,
        chance=random_source,
    )


@lru_cache(maxsize=5000)
def languages(accepted: str) -> tuple[str, ...]:
    """`de-AT,de;q=0.9,en;q=0.8` as ("de-at", "de", "en"), the most wanted first."""
    found = []
    for place, part in enumerate(accepted.lower().split(",")[:20]):
        name, _, quality = part.partition(";")
        try:
            weight = float(quality.partition("=")[2] or 1)
        except ValueError:
            weight = 0.0
        if name.strip() and weight > 0:
            found.append((-weight, place, name.strip()))
    return tuple(name for _, _, name in sorted(found))


def destination(click: Click, query: str) -> str:
    """The address as it is recorded: with the parameters of the visitor's query string and UTM tags."""
    url = click.choice.url
    for link, _ in click.choice.way:
        utm = link.rules.get("utm")
        if utm:
            url = with_parameters(url, list(utm.items()), replace=True)
        if link.append_query and query:
            url = with_query(url, query)
    return url


def with_word(click: Click, url: str) -> str:
    """The address the browser is sent to: with the click's word where it belongs. It is recorded without, since
    every click has another."""
    if S2S in url:
        url = url.replace(S2S, word_of(click))
    if click.sign or click.link.redirect_only:
        return url
    if known_sites.site_of_account(click.link.account_id, click.host or host_of(url)) is not None:
        url = with_parameters(url, [(CLICK_PARAMETER, word_of(click))], replace=True)
    return url


def word_of(click: Click) -> str:
    click.word = click.word or tokens.token(click.number)
    return click.word


def record(click: Click, url: str) -> Event | Refused | None:
    """Put the click, and one event per further link on its way, into the spool; None where the link does not track."""
    link, hit = click.link, click.hit
    if link.redirect_only:
        return None
    intake.count_received(link.account_id, hit.now)
    if click.account.blacklist and is_in_networks(hit.ip, click.account.blacklist):
        return intake.refuse(link.account_id, "excluded_ip", hit.now)
    if click.account.site.over_quota:
        return intake.refuse(link.account_id, "over_quota", hit.now)
    common = finished(click, url)
    written = intake.keep(common, hit.now)
    for inner, address in click.choice.way[1:]:
        further = {
            **common, "id": tokens.new_click_id(), "link_id": inner.link_id, "group_id": inner.group_id,
            "destination": address[:1000], "is_unique": int(click.unique(inner)), "cost": inner.cost,
        }  # fmt: skip
        if inner.account_id == link.account_id and not inner.redirect_only:
            intake.keep(further, hit.now)
    if not click.sign and url:
        thread.remember(click.number, link.account_id, click.host or host_of(url), hit.ip, hit.user_agent)
    return written


def finished(click: Click, url: str) -> Event:
    """The whole event of a click; `view_id` is the day's number of its address, from which windows are rebuilt."""
    link, hit, event = click.link, click.hit, click.event
    event["id"] = event["click_id"] = click.number.click_id
    event["view_id"] = click.keys[0]
    event["is_unique"] = int(click.unique(link))
    chosen = click.choice.way[0][1] if click.choice.way else url
    event["destination"] = (chosen if len(click.choice.way) > 1 else url)[:1000]
    if link.cost:
        event["cost"] = link.cost
    if click.sign:
        event["kind"], event["name"] = "spider", click.sign
    keep_less_of_the_address(
        hit, click.account.cut if link.encode_ip or link.light_tracking else click.account.site, event
    )
    return event


def columns_for(link: LinkFacts, **more: Any) -> Event:
    """Columns every event of a link has."""
    return {"account_id": link.account_id, "link_id": link.link_id, "group_id": link.group_id, **more}
