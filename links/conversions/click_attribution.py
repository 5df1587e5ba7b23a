"""Attribution of visits and conversions to the click that led to them.

A visit is joined in one of two ways:
- by parameter: the destination's URL carries the click's token (`ffclid`). The first view with it within half an hour
  is joined, so passing the URL on to somebody else joins nothing.
- by client, for pages that drop unknown parameters: the first view on the destination's host from the same address
  and user agent within two minutes.

A conversion is attributed, in this order, within its window (by default 30 days):
1. to the click's token (`clickId` or `ffclid`; the only way for server-to-server calls);
2. to the newest click in the browser's cookie on a link that has this conversion;
3. to a click from the same address and user agent in the last half hour.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qs

from links.redirect import tokens
from links.redirect.click_deduplication import LANDINGS
from links.redirect.click_traces import find_recent_click, find_trace, mark_as_landed
from links.redirect.cookies import LinkCookies
from links.routing import link_cache
from links.routing.snapshot import ConversionSnapshot, LinkSnapshot
from links.url_policy import CLICK_PARAMETER
from sites.site_config import SiteConfig
from tracking.event import Event, Hit
from tracking.state.base import State
from tracking.state.questions import ClaimFirst

PARAMETER_SECONDS = LANDINGS.seconds
MATCH_SECONDS = 120
CLICK_ASSIGNMENT = f"{CLICK_PARAMETER}="


# -- visits ---------------------------------------------------------------------------------------------------------


def build_click_columns(hit: Hit, site: SiteConfig, event: Event, state: State) -> Event:
    """Build the columns that join a view to the click that led to it; {} if there was none."""
    if hit.kind != "view":
        return {}
    if CLICK_ASSIGNMENT in hit.url:
        return find_columns_by_parameter(hit, site, hit.now.timestamp(), state)
    if not link_cache.has_links(site.account_id):  # most sites are reached by no tracked link
        return {}
    trace = find_trace(hit.ip, hit.user_agent, state)
    if trace is None or trace.get("landed") or trace["account_id"] != site.account_id:
        return {}
    at = hit.now.timestamp()
    if not 0 <= at - trace["at"] + 1 <= MATCH_SECONDS or trace["host"] != event.get("host"):
        return {}
    mark_as_landed(trace, hit.ip, hit.user_agent, state)
    return build_join_columns(trace["link_id"], trace["click_id"])


def find_columns_by_parameter(hit: Hit, site: SiteConfig, at: float, state: State) -> Event:
    """Join a view whose URL carries a click's token; {} if the token is invalid, too old or used."""
    words = parse_qs(hit.url.partition("?")[2].partition("#")[0]).get(CLICK_PARAMETER, [""])
    click = tokens.decode_token(words[0])
    if click is None or not -60 <= at - click.at <= PARAMETER_SECONDS:
        return {}
    link = link_cache.find_link(click.link_id)
    if link is None or link.account_id != site.account_id:
        return {}
    if not state.ask(ClaimFirst(LANDINGS, click.click_id, at)):  # the URL was passed on, or the page reloaded
        return {}
    trace = find_trace(hit.ip, hit.user_agent, state)
    if trace and trace.get("click_id") == click.click_id:
        mark_as_landed(trace, hit.ip, hit.user_agent, state)
    return build_join_columns(click.link_id, click.click_id)


def build_join_columns(link_id: int, click_id: int) -> Event:
    """Build the columns that join a view to a click."""
    link = link_cache.find_link(link_id)
    return {"link_id": link_id, "click_id": click_id, "group_id": link.group_id if link else 0}


# -- conversions ----------------------------------------------------------------------------------------------------


def find_attributed_click(
    conversion: ConversionSnapshot, hit: Hit, fields: dict[str, str], browser: bool, state: State
) -> tuple[tokens.ClickToken, LinkSnapshot] | None:
    """Find the click that a conversion is attributed to, and its link."""
    explicit = [
        token for name in ("clickid", "ffclid") if (token := tokens.decode_token(fields.get(name, ""))) is not None
    ]
    candidates = list(explicit)
    if browser:
        candidates += LinkCookies(hit.headers.get("cookie", "")).decode_tokens()
        recent = find_recent_click(hit.ip, hit.user_agent, hit.now.timestamp(), state)
        candidates += [recent] if recent else []
    for click in candidates:
        link = link_cache.find_link(click.link_id)
        if (
            link is not None
            and conversion.conversion_id in link.conversions
            and is_in_window(click, conversion, hit.now)
        ):
            return click, link
    return None


def is_in_window(click: tokens.ClickToken, conversion: ConversionSnapshot, now: datetime) -> bool:
    """Return whether the click is recent enough; a minute in the future allows for clocks that differ."""
    return -60 <= now.timestamp() - click.at <= conversion.window_days * 86_400
