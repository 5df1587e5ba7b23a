"""Traces of clicks: the last click of each address and user agent, to which later views and conversions are joined.

They are in bounded memory, shared through Redis if several processes serve, and never stored on disk.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import orjson

from links.redirect import tokens
from links.redirect.click_deduplication import hash_to_integer
from tracking.state import shared_redis

TRACE_SECONDS = 1800
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
                lambda client: client.set(f"footfall:trace:{key}", orjson.dumps(trace), ex=TRACE_SECONDS)
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
    if trace is None or not 0 <= at - trace["at"] + 1 <= TRACE_SECONDS:
        return None
    return tokens.ClickToken(trace["click_id"], trace["link_id"], trace["at"])
