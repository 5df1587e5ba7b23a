"""Deduplication of clicks and conversions within a time window, and the click numbers of links.

The state of the process decides; what it must know after a restart is restored here from the store, so that a restart
loses nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import cast

from links.models import Mode
from links.routing import link_cache
from reports.query.analyses import link_hits
from tracking import spool
from tracking.state.base import State
from tracking.state.ended_processes import Row
from tracking.state.questions import ClaimFirst, RestoreClaim, StateKey, Window
from tracking.store import StoreError

UNIQUE_CLICKS = Window("unique", 1800)
LANDINGS = Window("landed", 1800, 200_000)  # views by click, which the URL of a view names
COUNTED_CONVERSIONS = Window("counted", 90 * 86_400, 500_000)  # by parameter, and first ones by click
RESTORE_BATCH_SIZE = 5_000
ADDRESS_BITS = 53  # of the hash of an address
log = logging.getLogger(__name__)


def hash_address_for_window(ip: str, now: datetime, state: State) -> tuple[int, ...]:
    """Hash an address with the day's salt and, in the first half hour of a day, also with yesterday's.

    A hash is recognisable within the day, and useless once the salt is destroyed.
    """
    today = now.date()
    address_hash = hash_to_integer(state.get_salt(today), ip)
    if now.hour == 0 and now.minute < 30:
        return address_hash, hash_to_integer(state.get_salt(today - timedelta(days=1)), ip)
    return (address_hash,)


def hash_to_integer(key: bytes, text: str) -> int:
    """Compute a keyed hash as an integer from 1 to 2**53 - 1; BLAKE2 takes a third of the time of an HMAC."""
    keyed_hash = _begin_hash(key).copy()  # the key is hashed already
    keyed_hash.update(text.encode("utf-8", "replace"))
    return int.from_bytes(keyed_hash.digest(), "big") >> (56 - ADDRESS_BITS) or 1


@lru_cache(maxsize=4)
def _begin_hash(key: bytes) -> blake2b:
    return blake2b(key=key, digest_size=7)


def build_unique_question(link_id: int, keys: tuple[int, ...], at: float) -> ClaimFirst:
    """Build the question whether an address (hashed by `hash_address_for_window`) clicks the link for the first time in
    30 minutes. `at` is a Unix time."""
    older = tuple([build_click_key(link_id, key) for key in keys[1:]]) if len(keys) > 1 else ()
    return ClaimFirst(UNIQUE_CLICKS, build_click_key(link_id, keys[0]), at, older)


def build_click_key(link_id: int, address_hash: int) -> int:
    """Build the key under which clicks of an address on a link are deduplicated."""
    return link_id << ADDRESS_BITS | address_hash


def build_conversion_key(kind: str, conversion_id: int, value: str) -> str:
    """Build the key under which a parameter, or the first conversion of a click, is deduplicated."""
    return f"{kind}:{conversion_id}:{value}"


def rebuild_state(state: State, now: datetime | None = None) -> int:
    """Restore the state; return the number of recent clicks that were read, 0 if the store is unavailable."""
    now = now or datetime.now(UTC)
    try:
        spool.flush()  # first store what a killed process left in the spool
        return load_state(state, now)
    except StoreError as error:
        log.warning("unique clicks and conversions could not be restored from the store: %s", error)
        return 0


def load_state(state: State, now: datetime) -> int:
    """Load conversions, recent clicks and click counts from the store; return the number of recent clicks."""
    conversions: list[tuple[StateKey, float]] = []
    for row in link_hits.list_sales_of_all(now - timedelta(seconds=COUNTED_CONVERSIONS.seconds)):
        at = to_timestamp(row["ts"])
        if row["name"]:
            conversions.append((build_conversion_key(row["kind"], row["conversion_id"], row["name"]), at))
        if row["is_unique"]:
            conversions.append((build_conversion_key("first", row["conversion_id"], str(row["click_id"])), at))
    rows = link_hits.list_unique_hits_of_all(now - timedelta(seconds=UNIQUE_CLICKS.seconds))
    clicks: list[tuple[StateKey, float]] = [
        (build_click_key(row["link_id"], row["view_id"]), to_timestamp(row["ts"])) for row in rows
    ]
    # Only these links need the exact number of a click
    strict = [link for link in link_cache.list_links() if link.mode == Mode.SEQUENTIAL or link.expiration_clicks]
    for number, count in link_hits.count_clicks(
        {link.account_id for link in strict}, {link.link_id for link in strict}
    ).items():
        state.local.counters.seed(number, count)
    restore_claims(state, UNIQUE_CLICKS, clicks, now.timestamp())
    restore_claims(state, COUNTED_CONVERSIONS, conversions, now.timestamp())
    return len(clicks)


def find_stored_claims(row: Row) -> Iterator[RestoreClaim]:
    """Yield what a click, a conversion or the view after a click has claimed, by its row in the spool."""
    kind, link_id, click_id, now = row.get("kind"), row.get("link_id"), row.get("click_id"), time.time()
    if not link_id or not click_id:
        return
    at = datetime.fromisoformat(str(row["ts"])).timestamp()
    if kind in ("conversion", "refund"):
        if row.get("name"):
            key = build_conversion_key(str(kind), cast(int, row["conversion_id"]), str(row["name"]))
            yield RestoreClaim(COUNTED_CONVERSIONS, key, at, now)
        if row.get("is_unique"):
            key = build_conversion_key("first", cast(int, row["conversion_id"]), str(click_id))
            yield RestoreClaim(COUNTED_CONVERSIONS, key, at, now)
    elif kind in ("link", "pixel") and row.get("is_unique"):
        yield RestoreClaim(UNIQUE_CLICKS, build_click_key(cast(int, link_id), cast(int, row["view_id"])), at, now)
    elif kind == "view":
        yield RestoreClaim(LANDINGS, cast(int, click_id), at, now)


def restore_claims(state: State, window: Window, claims: Iterable[tuple[StateKey, float]], now: float) -> None:
    """Restore the keys that are still within their window, with their times, the oldest first."""
    questions = [RestoreClaim(window, key, at, now) for key, at in claims if now - at < window.seconds]
    for first in range(0, len(questions), RESTORE_BATCH_SIZE):
        state.resolve(questions[first : first + RESTORE_BATCH_SIZE])


def to_timestamp(ts: datetime) -> float:
    return (ts if ts.tzinfo else ts.replace(tzinfo=UTC)).timestamp()
