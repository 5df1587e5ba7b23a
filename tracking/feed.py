"""The live stream of stored events, for Spy: within the process at once, between processes through Redis.

`async for event in subscribe(site_id)` yields each stored event of the site, and None every few seconds of
silence, so that a stream can say it is alive. A reader that falls behind loses the oldest events, never memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.conf import settings

from tracking import shared
from tracking.hit import Event

BEHIND = 500
HEARTBEAT_SECONDS = 15.0
FLUSH_SECONDS = 0.2
RETRY_SECONDS = 2.0
CHANNEL = "footfall:feed:"
log = logging.getLogger(__name__)


@dataclass(eq=False)
class Reader:
    """One subscriber: its event loop, what waits for it, and the bell that wakes it."""

    loop: asyncio.AbstractEventLoop
    waiting: deque[Event] = field(default_factory=lambda: deque(maxlen=BEHIND))
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    def ring(self) -> None:
        """Wake the reader from any thread."""
        with contextlib.suppress(RuntimeError):  # its loop is gone
            self.loop.call_soon_threadsafe(self.bell.set)


_me = secrets.token_hex(8)  # so that a process does not hear itself
_readers: dict[int, set[Reader]] = {}
_lock = threading.Lock()
_outgoing: deque[tuple[int, Event]] = deque(maxlen=20_000)
_sender: threading.Thread | None = None
_closing = threading.Event()


def publish_all(events: list[Event]) -> None:
    """Tell those who watch of several events. Costs nothing while nobody does."""
    if _readers or shared.redis() is not None:
        for event in events:
            publish(event)


def publish(event: Event) -> None:
    """Tell everybody who watches the event's site."""
    readers = _readers.get(event["site_id"])
    if readers:
        for reader in list(readers):
            reader.waiting.append(event)
            reader.ring()
    if shared.redis() is not None:
        _outgoing.append((event["site_id"], event))
        _start_sender()


async def subscribe(site_id: int, heartbeat: float = HEARTBEAT_SECONDS) -> AsyncGenerator[Event | None, None]:
    """Every event of the site stored from now on; None after `heartbeat` seconds of silence. Ends at shutdown."""
    reader = Reader(asyncio.get_running_loop())
    with _lock:
        _readers.setdefault(site_id, set()).add(reader)
    listener = asyncio.create_task(_listen(site_id, reader)) if shared.redis() is not None else None
    try:
        while not reader.closed and not _closing.is_set():
            while reader.waiting:
                yield reader.waiting.popleft()
                await asyncio.sleep(0)  # others have their turn between two events, however many wait here
            reader.bell.clear()
            if reader.waiting or reader.closed:  # it rang before it was cleared
                continue
            try:
                await asyncio.wait_for(reader.bell.wait(), heartbeat)
            except TimeoutError:
                yield None
    finally:
        _leave(site_id, reader)
        if listener is not None:
            listener.cancel()


def watched() -> int:
    """How many streams are open in this process."""
    return sum(len(readers) for readers in list(_readers.values()))


def close() -> None:
    """End all streams of this process: it shuts down."""
    _closing.set()
    for readers in list(_readers.values()):
        for reader in list(readers):
            reader.closed = True
            reader.ring()


def open_again() -> None:
    """Allow streams again after `close` (tests)."""
    _closing.clear()


def _leave(site_id: int, reader: Reader) -> None:
    with _lock:
        readers = _readers.get(site_id, set())
        readers.discard(reader)
        if not readers:
            _readers.pop(site_id, None)


def _start_sender() -> None:
    global _sender
    if _sender is None or not _sender.is_alive():
        with _lock:
            if _sender is None or not _sender.is_alive():
                _sender = threading.Thread(target=_send_out, name="feed", daemon=True)
                _sender.start()


def _send_out() -> None:
    """Carry events to the other processes in small batches; what Redis does not take is only not seen live."""
    import redis

    while not _closing.wait(FLUSH_SECONDS):
        batch = []
        while _outgoing:
            batch.append(_outgoing.popleft())
        if not batch:
            continue
        try:
            pipe = shared.redis().pipeline(transaction=False)
            for site_id, event in batch:
                pipe.publish(f"{CHANNEL}{site_id}", orjson.dumps([_me, event], default=str))
            pipe.execute()
        except redis.RedisError as error:
            log.warning("%d events did not reach other processes' live streams: %s", len(batch), error)


async def _listen(site_id: int, reader: Reader) -> None:
    """Bring in what other processes stored; while Redis is away, look for it again every few seconds."""
    from redis import RedisError
    from redis import asyncio as redis_asyncio

    client: Any = redis_asyncio.Redis.from_url(settings.REDIS_URL)
    try:
        while not reader.closed:
            try:
                await _bring_in(client, site_id, reader)
            except (RedisError, OSError) as error:
                log.warning("a live stream hears only its own process: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
    finally:
        await client.aclose()


async def _bring_in(client: Any, site_id: int, reader: Reader) -> None:
    async with client.pubsub() as pubsub:
        await pubsub.subscribe(f"{CHANNEL}{site_id}")
        async for message in pubsub.listen():
            if message["type"] != "message":
                continue
            sender, event = orjson.loads(message["data"])
            if sender != _me:
                reader.waiting.append(event)
                reader.bell.set()
