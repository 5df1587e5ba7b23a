"""Traces of clicks: the last click of each address and user agent, to which later views and conversions are joined.

They are in the state's bounded memory, shared if several processes serve, and never stored on disk.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict, cast

from links.redirect import tokens
from links.redirect.click_deduplication import hash_to_integer
from tracking.state.base import State
from tracking.state.questions import GetValue, PutValue

TRACE_SECONDS = 1800


class ClickTrace(TypedDict):
    """The trace of a click; `landed` once a view was joined to it."""

    click_id: int
    link_id: int
    account_id: int
    host: str  # where it was redirected to
    at: int  # Unix seconds
    landed: NotRequired[bool]


def hash_client(ip: str, user_agent: str) -> int:
    """Hash an address and user agent into the key of a client; it is never stored on disk."""
    return hash_to_integer(b"trace", f"{ip}|{user_agent}")


def build_trace(click: tokens.ClickToken, account_id: int, host: str, ip: str, user_agent: str) -> PutValue:
    """Build the trace of a click that was redirected to `host`."""
    trace: ClickTrace = {
        "click_id": click.click_id,
        "link_id": click.link_id,
        "account_id": account_id,
        "host": host,
        "at": click.at,
    }
    return PutValue(hash_client(ip, user_agent), trace, TRACE_SECONDS)


def find_trace(ip: str, user_agent: str, state: State) -> ClickTrace | None:
    """Find the trace of the last click of this address and user agent."""
    return cast(ClickTrace | None, state.ask(GetValue(hash_client(ip, user_agent))))


def mark_as_landed(trace: ClickTrace, ip: str, user_agent: str, state: State) -> None:
    """Mark the trace, so that no second view is joined to its click."""
    state.ask(PutValue(hash_client(ip, user_agent), {**trace, "landed": True}, TRACE_SECONDS))


def find_recent_click(ip: str, user_agent: str, at: float, state: State) -> tokens.ClickToken | None:
    """Find the last click of this address and user agent in the last half hour."""
    trace = find_trace(ip, user_agent, state)
    if trace is None or not 0 <= at - trace["at"] + 1 <= TRACE_SECONDS:
        return None
    return tokens.ClickToken(trace["click_id"], trace["link_id"], trace["at"])
