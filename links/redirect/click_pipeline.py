"""The pipeline of a click: make a hit of the request, enrich it by the steps that web events share, route it, and store
its event.

Events of links carry the account's id where web events carry their site's, so that tenants are never mixed and web
reports never contain clicks. Bots and previews are stored as events of the kind "spider": excluded from counts of
clicks, visible in the clickstream.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from accounts.host_names import normalize_host
from accounts.security.client_ip import find_client_address, is_in_networks
from links.redirect import tokens
from links.redirect.click_deduplication import build_unique_question, hash_address_for_window
from links.redirect.click_traces import build_trace
from links.redirect.pausing import note_click
from links.routing import link_cache
from links.routing.engine import ClickContext, RoutingDecision, route_click
from links.routing.snapshot import AccountLinkConfig, ConversionSnapshot, LinkSnapshot
from links.url_policy import CLICK_PARAMETER, S2S_PLACEHOLDER, add_parameters, add_query, extract_host
from sites import site_cache
from sites.site_config import SiteConfig
from tracking import ingestion
from tracking.event import Event, Hit, Rejection
from tracking.pipeline import bot_quarantine
from tracking.pipeline.device import find_agent_columns, find_device
from tracking.pipeline.page import MAX_PATH_LENGTH, read_details, read_page
from tracking.pipeline.source import find_source_columns
from tracking.pipeline.visitor_address import find_location, shorten_address
from tracking.state.base import State
from tracking.state.questions import Question, TakeNumber
from tracking.web import EndpointRequest

MAX_QUERY = 8000


@dataclass(slots=True, kw_only=True)
class LinkRequest(EndpointRequest):
    """A request with its scheme, on which a link's cookies and QR codes depend."""

    scheme: str = "http"


def build_hit(link: LinkSnapshot, request: LinkRequest, kind: str) -> Hit:
    """Translate a request for a link or pixel into a hit."""
    headers = request.headers
    query = request.query[:MAX_QUERY].decode("utf-8", "replace")
    return Hit(
        site_id=link.account_id,
        kind=kind,
        ip=find_client_address(request.peer, headers.get("x-forwarded-for", "")),
        user_agent=headers.get("user-agent", ""),
        now=request.now,
        url=f"{request.scheme}://{headers.get('host', '')}{request.path}{'?' + query if query else ''}",
        referrer=headers.get("referer", ""),
        text=query,
        language=get_first_language(headers.get("accept-language", "")[:500]),
        headers=headers,
        http_version=request.http_version,
    )


@lru_cache(maxsize=5000)
def get_first_language(accepted: str) -> str:
    """Return the first language of Accept-Language, such as "de-CH"; "" if it names none."""
    return accepted.partition(",")[0].partition(";")[0].strip()


def build_conversion_hit(request: LinkRequest, conversion: ConversionSnapshot) -> Hit:
    """Translate a request into the hit of a conversion."""
    headers = request.headers
    return Hit(
        site_id=conversion.account_id,
        kind="conversion",
        ip=find_client_address(request.peer, headers.get("x-forwarded-for", "")),
        user_agent=headers.get("user-agent", ""),
        now=request.now,
        url=headers.get("referer", ""),
        language=get_first_language(headers.get("accept-language", "")[:500]),
        headers=headers,
    )


def read_click_address(hit: Hit, site: SiteConfig, event: Event) -> Event:
    """Return host and path of the clicked address. A link without a query string needs no full parsing of its URL."""
    if hit.text or hit.kind != "link":
        return read_page(hit, site, event)
    _, _, rest = hit.url.partition("//")
    host, slash, path = rest.partition("/")
    return {"host": normalize_host(host), "path": (slash + path)[:MAX_PATH_LENGTH]}


ClickStep = Callable[[Hit, SiteConfig, Event], Event | None]
STEPS: tuple[ClickStep, ...] = (
    read_click_address,
    find_location,
    read_details,
    find_agent_columns,
    find_source_columns,
)
PREVIEWS = (
    "facebookexternalhit", "facebot", "slackbot", "slack-imgproxy", "twitterbot", "whatsapp", "telegrambot",
    "discordbot", "linkedinbot", "skypeuripreview", "pinterestbot", "redditbot", "embedly", "iframely", "vkshare",
    "viber", "snapchat", "mattermost", "microsoftpreview", "google-pagerenderer", "bitlybot", "mastodon",
)  # fmt: skip
EMAIL_CLIENTS = ("thunderbird", "outlook", "ms-office", "mailbird", "postbox", "lotus-notes", "emclient", "airmail")
PURPOSES = frozenset({"sec-purpose", "purpose", "x-purpose", "x-moz"})  # headers of browsers that fetch ahead
CLICK_CHECKS = tuple(check for check in bot_quarantine.BOT_CHECKS if check is not bot_quarantine.check_automation_signs)
MAX_USER_AGENT = 600
secure_random = random.SystemRandom()


@dataclass(slots=True, kw_only=True)
class LinkClick:
    """One click: its hit, what is known of it for its event, where it goes, and the token that identifies it."""

    link: LinkSnapshot
    hit: Hit
    account: AccountLinkConfig
    state: State
    event: Event
    bot_reason: str  # why the click is a bot's; "" for a person
    decision: RoutingDecision
    destination_host: str = ""  # only of a plain link, which needs no routing
    token: tokens.ClickToken = tokens.NO_CLICK
    encoded_token: str = ""
    address_hashes: tuple[int, ...] = ()  # of `hash_address_for_window`
    spillover_steps: dict[int, int] = field(default_factory=dict)  # link id -> this visitor's clicks (from the cookie)
    unique_links: dict[int, bool] = field(default_factory=dict)
    click_numbers: dict[int, int] = field(default_factory=dict)

    def is_unique(self, link: LinkSnapshot) -> bool:
        """Return whether it is its address's first click on the link in 30 minutes; decided once per click."""
        if self.bot_reason:
            return False
        is_unique = self.unique_links.get(link.link_id)
        if is_unique is None:
            question = build_unique_question(link.link_id, self.address_hashes, self.token.at)
            is_unique = self.unique_links[link.link_id] = bool(self.state.ask(question))
        return is_unique

    def click_number(self, link: LinkSnapshot) -> int:
        """Return the click's number on the link, from 1; a bot's click is not counted."""
        if self.bot_reason:
            return self.state.local.counters.get(link.link_id) + 1
        if link.link_id not in self.click_numbers:
            self.click_numbers[link.link_id] = self.state.ask(TakeNumber(link.link_id))
        return self.click_numbers[link.link_id]


def find_bot_reason(hit: Hit, method: str) -> str:
    """Find from method, headers and user agent why a hit is a bot's: a preview, a prefetch, a crawler; "" if it is not.

    Pixels and conversions are checked by nothing else: the proxies of mail programs, which fetch pixels for people,
    are in data centres and send no languages.
    """
    if method == "HEAD":
        return "preview: head"
    if not PURPOSES.isdisjoint(hit.headers):
        purposes = [hit.headers[name] for name in PURPOSES.intersection(hit.headers)]
        if any("prefetch" in purpose or "preview" in purpose for purpose in purposes):
            return "preview: prefetch"
    return find_agent_bot_reason(hit.user_agent[:MAX_USER_AGENT])


def find_click_bot_reason(hit: Hit, method: str, site: SiteConfig, event: Event, state: State) -> str:
    """Find why a click is a bot's: by `find_bot_reason`, else by the checks that page views pass too."""
    return find_bot_reason(hit, method) or bot_quarantine.find_bot_reason(hit, site, event, state, CLICK_CHECKS)


@lru_cache(maxsize=20_000)
def find_agent_bot_reason(user_agent: str) -> str:
    """Find why a user agent is a bot's; "" if it is not."""
    if not user_agent:
        return "no user agent"
    lowered = user_agent.lower()
    for word in PREVIEWS:
        if word in lowered:
            return f"preview: {word}"
    name = bot_quarantine.get_crawler_name(user_agent)
    return f"signature: {name}" if name else ""


def start_click(
    link: LinkSnapshot,
    hit: Hit,
    account: AccountLinkConfig,
    state: State,
    method: str,
    requested_url: str,
    spillover_steps: dict[int, int],
) -> LinkClick:
    """Enrich the hit and route the click; nothing is stored yet."""
    now = hit.now
    event = build_link_event(link, hit, account.site, state)
    if hit.kind == "link":
        bot_reason = find_click_bot_reason(hit, method, account.site, event, state)
    else:
        bot_reason = find_bot_reason(hit, method)
    plain = bool(link.destination_host) and not link_cache.is_link_domain(link.destination_host)
    decision = RoutingDecision([(link, link.url)] if plain else [])
    click = LinkClick(
        link=link,
        hit=hit,
        account=account,
        state=state,
        event=event,
        bot_reason=bot_reason,
        decision=decision,
        token=tokens.ClickToken(tokens.generate_click_id(), link.link_id, int(now.timestamp())),
        address_hashes=hash_address_for_window(hit.ip, now, state),
        spillover_steps=spillover_steps,
    )
    if plain:  # one URL, which is no link of this installation
        click.destination_host = link.destination_host
    else:
        click.decision = route_click(link, build_click_context(click, requested_url), link_cache.find_link_by_path)
        for number, click_number in click.click_numbers.items():
            if (counted_link := link_cache.find_link(number)) is not None:
                note_click(counted_link, click_number)
    return click


def build_click_context(click: LinkClick, requested_url: str) -> ClickContext:
    """Build what routing needs to know of a click."""
    event, hit = click.event, click.hit
    user_agent = hit.user_agent.lower()
    return ClickContext(
        now=hit.now,
        languages=parse_languages(hit.headers.get("accept-language", "")[:500]),
        country=event.get("country", ""),
        device=event.get("device_type", ""),
        email_client=any(word in user_agent for word in EMAIL_CLIENTS),
        is_bot=bool(click.bot_reason),
        requested_url=requested_url,
        is_unique=click.is_unique,
        click_number=click.click_number,
        previous_clicks=lambda link: click.spillover_steps.get(link.link_id, 0),
        allowed_hosts=lambda link: click.account.whitelist,
        random_source=secure_random,
    )


@lru_cache(maxsize=5000)
def parse_languages(accepted: str) -> tuple[str, ...]:
    """Parse `de-AT,de;q=0.9,en;q=0.8` into ("de-at", "de", "en"), the most preferred first."""
    weighted = []
    for position, part in enumerate(accepted.lower().split(",")[:20]):
        name, _, quality = part.partition(";")
        try:
            weight = float(quality.partition("=")[2] or 1)
        except ValueError:
            weight = 0.0
        if name.strip() and weight > 0:
            weighted.append((-weight, position, name.strip()))
    return tuple(name for _, _, name in sorted(weighted))


def build_destination_url(click: LinkClick, query: str) -> str:
    """Build the destination as it is stored: with the link's UTM tags and the visitor's query string."""
    url = click.decision.url
    for link, _ in click.decision.hops:
        if link.rules.utm:
            url = add_parameters(url, list(link.rules.utm), replace=True)
        if link.append_query and query:
            url = add_query(url, query)
    return url


def add_click_token(click: LinkClick, url: str) -> str:
    """Add the click's token to the URL the browser is sent to, where a placeholder or a tracked site needs it.

    The stored destination has no token, since every click has a different one.
    """
    if S2S_PLACEHOLDER in url:
        url = url.replace(S2S_PLACEHOLDER, get_encoded_token(click))
    if click.bot_reason or click.link.redirect_only:
        return url
    if site_cache.find_account_site(click.link.account_id, click.destination_host or extract_host(url)) is not None:
        url = add_parameters(url, [(CLICK_PARAMETER, get_encoded_token(click))], replace=True)
    return url


def get_encoded_token(click: LinkClick) -> str:
    """Encode the click's token, once per click."""
    click.encoded_token = click.encoded_token or tokens.encode_token(click.token)
    return click.encoded_token


def record_click(click: LinkClick, url: str) -> Event | Rejection | None:
    """Store the click and one event per nested link; return None if the link only redirects."""
    link, hit = click.link, click.hit
    if link.redirect_only:
        return None
    ingestion.count_received(link.account_id, hit.now)
    if click.account.blacklist and is_in_networks(hit.ip, click.account.blacklist):
        return ingestion.count_rejection(link.account_id, "excluded_ip", hit.now)
    if click.account.site.refuses_hits:
        return ingestion.count_rejection(link.account_id, click.account.site.refusal_reason, hit.now)
    ask_about_click(click, url)
    click_event = complete_event(click, url)
    written = ingestion.store_event(click_event, hit.now)
    for nested, nested_url in click.decision.hops[1:]:
        nested_event: Event = {
            **click_event, "id": tokens.generate_click_id(), "link_id": nested.link_id, "group_id": nested.group_id,
            "destination": nested_url[:1000], "is_unique": int(click.is_unique(nested)), "cost": nested.cost,
        }  # fmt: skip
        if nested.account_id == link.account_id and not nested.redirect_only:
            ingestion.store_event(nested_event, hit.now)
    return written


def ask_about_click(click: LinkClick, url: str) -> None:
    """Ask in one batch on which of its links the click is unique, and leave a trace of it."""
    if click.bot_reason:
        return
    link, hit, hops, unique_links = click.link, click.hit, click.decision.hops, click.unique_links
    addresses, at = click.address_hashes, click.token.at
    trace = None
    if url:
        host = click.destination_host or extract_host(url)
        trace = build_trace(click.token, link.account_id, host, hit.ip, hit.user_agent)
    if trace is not None and len(hops) < 2 and not unique_links:  # nearly always
        unique_links[link.link_id] = click.state.claim_and_put(
            build_unique_question(link.link_id, addresses, at), trace
        )
        return
    numbers = [number for number in (link.link_id, *(hop.link_id for hop, _ in hops[1:])) if number not in unique_links]
    batch: list[Question[object]] = [build_unique_question(number, addresses, at) for number in numbers]
    unique_links.update(
        zip(numbers, click.state.resolve([*batch, trace] if trace is not None else batch), strict=False)
    )


def complete_event(click: LinkClick, url: str) -> Event:
    """Return the event of a click. `view_id` is the hash of its address, from which
    `links.redirect.click_deduplication` restores unique clicks.
    """
    link, click_id = click.link, click.token.click_id
    shortened = link.encode_ip or link.light_tracking
    site = click.account.truncated_site if shortened else click.account.site
    url_of_first_hop = click.decision.hops[0][1] if click.decision.hops else url
    event: Event = {
        **click.event, "id": click_id, "click_id": click_id, "view_id": click.address_hashes[0],
        "is_unique": int(click.is_unique(link)),
        "destination": (url_of_first_hop if len(click.decision.hops) > 1 else url)[:1000],
        **(shorten_address(click.hit, site, click.event) or {}),
    }  # fmt: skip
    if link.cost:
        event["cost"] = link.cost
    if click.bot_reason:
        event["kind"], event["name"] = "spider", click.bot_reason
    return event


def build_link_event(link: LinkSnapshot, hit: Hit, site: SiteConfig, state: State) -> Event:
    """Return what is known of a hit on a link, before it is routed or attributed."""
    event: Event = {
        "site_id": link.account_id, "kind": hit.kind, "ts": hit.now, "account_id": link.account_id,
        "link_id": link.link_id, "group_id": link.group_id,
    }  # fmt: skip
    for step in STEPS:
        if columns := step(hit, site, event):
            event.update(columns)
    event.update(find_device(hit, site, event, state))
    return event
