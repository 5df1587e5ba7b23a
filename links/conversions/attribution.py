"""Attribution of visits to the click that started them.

There are two ways, both in bounded memory (shared through Redis if several processes serve):
- by parameter: the destination's URL carries the click's token (`ffclid`). The first view with it within half an hour
  is joined, so passing the URL on to somebody else joins nothing.
- by client, for pages that drop unknown parameters: the first view on the destination's host from the same address
  and user agent within two minutes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any
from urllib.parse import parse_qs

import orjson

from links.redirect import tokens
from links.redirect.click_deduplication import DeduplicationWindow, hash_to_integer
from links.routing import link_cache
from links.url_policy import CLICK_PARAMETER
from sites.site_config import SiteConfig
from tracking.event import Event, Hit
from tracking.state import shared_redis

PARAMETER_SECONDS = 1800
MATCH_SECONDS = 120
CONVERSION_SECONDS = 1800
MAX_TRACES = 200_000

ClickTrace = dict[str, Any]  # click_id, link_id, account_id, host, at, landed


class ClickTraceCache:
    """The last click of each client (address and user agent), at most `max_traces` of them."""

    def __init__(self, max_traces: int = MAX_TRACES) -> None:
        self.max_traces = max_traces
        self._last: OrderedDict[int, ClickTrace] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, key: int, trace: ClickTrace) -> None:
        with self._lock:
            self._last[key] = trace
            self._last.move_to_end(key)
            while len(self._last) > self.max_traces:
                self._last.popitem(last=False)
        if shared_redis.redis() is not None:
            shared_redis.run_or_none(
                lambda client: client.set(f"footfall:trace:{key}", orjson.dumps(trace), ex=CONVERSION_SECONDS)
            )

    def get(self, key: int) -> ClickTrace | None:
        raw = shared_redis.run_or_none(lambda client: client.get(f"footfall:trace:{key}"))
        return dict(orjson.loads(raw)) if raw else self._last.get(key)

    def forget(self) -> None:
        with self._lock:
            self._last.clear()

    def __bool__(self) -> bool:
        """Return whether there may be traces. Most installations have none, which saves hashing every view."""
        return bool(self._last) or shared_redis.redis() is not None


click_traces = ClickTraceCache()
landings = DeduplicationWindow("landed", PARAMETER_SECONDS, 200_000)


def hash_client(ip: str, user_agent: str) -> int:
    """Hash an address and user agent into the key of a client; it is never stored on disk."""
    return hash_to_integer(b"trace", f"{ip}|{user_agent}")


def remember_click(click: tokens.ClickToken, account_id: int, host: str, ip: str, user_agent: str) -> None:
    """Remember that a click was redirected to `host`."""
    trace = {
        "click_id": click.click_id,
        "link_id": click.link_id,
        "account_id": account_id,
        "host": host,
        "at": click.at,
    }
    click_traces.remember(hash_client(ip, user_agent), trace)


def find_recent_click(ip: str, user_agent: str, at: float) -> tokens.ClickToken | None:
    """Find the last click of this address and user agent in the last half hour."""
    trace = click_traces.get(hash_client(ip, user_agent))
    if trace is None or not 0 <= at - trace["at"] + 1 <= CONVERSION_SECONDS:
        return None
    return tokens.ClickToken(trace["click_id"], trace["link_id"], trace["at"])


def build_click_columns(hit: Hit, site: SiteConfig, event: Event) -> Event:
    """Build the columns that join a view to the click that led to it; {} if there was none."""
    if hit.kind != "view":
        return {}
    at = hit.now.timestamp()
    if f"{CLICK_PARAMETER}=" in hit.url:
        return find_columns_by_parameter(hit, site, at)
    trace = click_traces.get(hash_client(hit.ip, hit.user_agent)) if click_traces else None
    if trace is None or trace.get("landed") or trace["account_id"] != site.account_id:
        return {}
    if not 0 <= at - trace["at"] + 1 <= MATCH_SECONDS or trace["host"] != event.get("host"):
        return {}
    click_traces.remember(hash_client(hit.ip, hit.user_agent), {**trace, "landed": True})
    return build_join_columns(trace["link_id"], trace["click_id"])


def find_columns_by_parameter(hit: Hit, site: SiteConfig, at: float) -> Event:
    """Join a view whose URL carries a click's token; {} if the token is invalid, too old or used."""
    words = parse_qs(hit.url.partition("?")[2].partition("#")[0]).get(CLICK_PARAMETER, [""])
    click = tokens.decode_token(words[0])
    if click is None or not -60 <= at - click.at <= PARAMETER_SECONDS:
        return {}
    link = link_cache.find_link(click.link_id)
    if link is None or link.account_id != site.account_id:
        return {}
    if not landings.is_first(click.click_id, at):  # the URL was passed on, or the page reloaded
        return {}
    trace = click_traces.get(hash_client(hit.ip, hit.user_agent))
    if trace and trace.get("click_id") == click.click_id:
        click_traces.remember(hash_client(hit.ip, hit.user_agent), {**trace, "landed": True})
    return build_join_columns(click.link_id, click.click_id)


def build_join_columns(link_id: int, click_id: int) -> Event:
    """Build the columns that join a view to a click."""
    link = link_cache.find_link(link_id)
    return {"link_id": link_id, "click_id": click_id, "group_id": link.group_id if link else 0}
