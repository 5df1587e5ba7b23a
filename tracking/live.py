"""The live feed of stored events, for Spy: within the process directly, between processes through Redis.

The workers of `serve --workers` have no streams: they `relay` the events of sites that have some to the store's
process.

`async for event in subscribe(site_id)` yields each stored event of the site, and None after some seconds without one,
so that a stream can send a sign of life. A slow subscriber loses its oldest events, so memory is bounded.

All streams of a process are written by one thread, which also answers hits. So of an account whose events and streams
would need more than MAX_DELIVERIES in a second, the events of the rest of that second are left out; and in each
iteration of the event loop at most MAX_WOKEN streams begin to write, so that whatever else is ready need not wait for
all.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
import time
import weakref
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson
from django.conf import settings

from accounts.fast_settings import get_setting
from sites import site_cache
from tracking.event import Event

if TYPE_CHECKING:
    from redis.asyncio import Redis as AsyncRedis

MAX_WAITING_EVENTS = 500
MAX_DELIVERIES = 1_000  # of an account's events to its subscribers, in a second
MIN_DELIVERIES = 10  # that an event counts for: nobody reads more than 100 in a second, however few look
MAX_COUNTED = 10_000  # accounts
MAX_WOKEN = 8
HEARTBEAT_SECONDS = 15.0
FLUSH_SECONDS = 0.2
SEND_TIMEOUT_SECONDS = 0.5
RETRY_SECONDS = 2.0
LOG_SECONDS = 60.0
CHANNEL = "footfall:feed:"
log = logging.getLogger(__name__)


class Waker:
    """Wakes up the subscribers of an event loop, MAX_WOKEN in each iteration."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._waiting: deque[Subscriber] = deque()
        self._is_scheduled = False

    def add(self, subscriber: Subscriber) -> None:
        """Wake up a subscriber soon; may be called by any thread."""
        self._waiting.append(subscriber)
        if not self._is_scheduled:
            self._schedule()

    def _schedule(self) -> None:
        self._is_scheduled = True
        loop = self._loop()
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(self._wake_some)

    def _wake_some(self) -> None:
        self._is_scheduled = False  # first, since another thread may add one meanwhile
        for _ in range(min(len(self._waiting), MAX_WOKEN)):
            subscriber = self._waiting.popleft()
            subscriber.is_notified = False
            subscriber.wake_up.set()
        if self._waiting:
            self._schedule()


_wakers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Waker] = weakref.WeakKeyDictionary()


@dataclass(eq=False, kw_only=True)
class Subscriber:
    """One subscriber: who wakes it up, its waiting events, and the asyncio event that it waits for."""

    waker: Waker
    waiting: deque[Event] = field(default_factory=lambda: deque(maxlen=MAX_WAITING_EVENTS))
    wake_up: asyncio.Event = field(default_factory=asyncio.Event)
    is_notified: bool = False
    closed: bool = False

    def notify(self) -> None:
        """Wake up the subscriber, from any thread."""
        if not self.is_notified:
            self.is_notified = True
            self.waker.add(self)


@dataclass
class Deliveries:
    """How many events of an account were delivered in a second of a monotonic clock."""

    second: int
    count: int = 0


_process_id = secrets.token_hex(8)  # so that a process skips its own messages
_subscribers: dict[int, set[Subscriber]] = {}
_lock = threading.Lock()
_deliveries: dict[int, Deliveries] = {}  # by account
_outgoing: deque[tuple[int, Event]] = deque(maxlen=20_000)
_sender: threading.Thread | None = None
_closing = threading.Event()
_relayed_sites: Collection[int] = ()
_send_relayed: Callable[[Event], None] | None = None
_on_sites: Callable[[list[int]], None] | None = None
_log_again_at = 0.0


def _log_outage(error: object) -> None:
    """Log that Redis is away, in one line a minute for all streams of the process."""
    global _log_again_at
    if time.monotonic() >= _log_again_at:
        _log_again_at = time.monotonic() + LOG_SECONDS
        log.warning("Redis is away, live streams show only the events of their own process: %s", error)


def relay(sites: Collection[int], send: Callable[[Event], None]) -> None:
    """Pass the events of these sites to `send`, too, because their streams are in another process."""
    global _relayed_sites, _send_relayed
    _relayed_sites, _send_relayed = frozenset(sites), send


def watch_sites(on_sites: Callable[[list[int]], None]) -> None:
    """Call `on_sites` with the sites that have streams here, whenever these change."""
    global _on_sites
    _on_sites = on_sites


def publish_all(events: list[Event]) -> None:
    """Publish several events. Costs nothing while nobody subscribes."""
    if _subscribers or _relayed_sites or get_setting("REDIS_URL"):
        for event in events:
            publish(event)


def publish(event: Event) -> None:
    """Publish an event to the subscribers of its site, here and in other processes."""
    feed_id = event["site_id"]
    subscribers, is_relayed = _subscribers.get(feed_id, ()), feed_id in _relayed_sites
    has_redis = bool(get_setting("REDIS_URL"))
    if not (subscribers or is_relayed or has_redis):
        return
    if not may_deliver(feed_id, len(subscribers), int(time.monotonic())):
        return
    for subscriber in list(subscribers):
        subscriber.waiting.append(event)
        subscriber.notify()
    if _send_relayed is not None and is_relayed:
        _send_relayed(event)
    if has_redis:
        _outgoing.append((feed_id, event))
        _start_sender()


def may_deliver(feed_id: int, subscribers: int, second: int) -> bool:
    """Return whether an event of a feed may be delivered to so many subscribers in this second, and count that.

    `feed_id` is a site, or an account for its links.
    """
    site = site_cache.get_site(feed_id)
    account_id = site.account_id if site else feed_id
    found = _deliveries.get(account_id)
    if found is None or found.second != second:
        if len(_deliveries) >= MAX_COUNTED:
            _deliveries.clear()
        found = _deliveries[account_id] = Deliveries(second)
    found.count += max(subscribers, MIN_DELIVERIES)
    return found.count <= MAX_DELIVERIES


async def subscribe(site_id: int, heartbeat: float = HEARTBEAT_SECONDS) -> AsyncGenerator[Event | None, None]:
    """Yield every event of the site stored from now on; None after `heartbeat` idle seconds. Ends at shutdown."""
    loop = asyncio.get_running_loop()
    with _lock:
        subscriber = Subscriber(waker=_wakers.get(loop) or _wakers.setdefault(loop, Waker(loop)))
        _subscribers.setdefault(site_id, set()).add(subscriber)
        _tell_sites()
    listener = asyncio.create_task(_listen(site_id, subscriber)) if get_setting("REDIS_URL") else None
    try:
        while not subscriber.closed and not _closing.is_set():
            while subscriber.waiting:
                yield subscriber.waiting.popleft()
                await asyncio.sleep(0)  # let other tasks run between two events, however many wait
            subscriber.wake_up.clear()
            if subscriber.waiting or subscriber.closed:  # set between the loop above and `clear`
                continue
            try:
                await asyncio.wait_for(subscriber.wake_up.wait(), heartbeat)
            except TimeoutError:
                yield None
    finally:
        _unsubscribe(site_id, subscriber)
        if listener is not None:
            listener.cancel()


def count_streams() -> int:
    """Return how many subscribers this process has."""
    return sum(len(subscribers) for subscribers in list(_subscribers.values()))


def close() -> None:
    """End all subscriptions of this process at shutdown."""
    _closing.set()
    for subscribers in list(_subscribers.values()):
        for subscriber in list(subscribers):
            subscriber.closed = True
            subscriber.notify()


def reopen() -> None:
    """Allow subscriptions again after `close`, with nothing delivered yet (tests)."""
    _closing.clear()
    _deliveries.clear()


def _unsubscribe(site_id: int, subscriber: Subscriber) -> None:
    with _lock:
        subscribers = _subscribers.get(site_id, set())
        subscribers.discard(subscriber)
        if not subscribers:
            _subscribers.pop(site_id, None)
        _tell_sites()


def _tell_sites() -> None:
    """Tell who watches them which sites have streams."""
    if _on_sites is not None:
        _on_sites(list(_subscribers))


def _start_sender() -> None:
    global _sender
    if _sender is None or not _sender.is_alive():
        with _lock:
            if _sender is None or not _sender.is_alive():
                _sender = threading.Thread(target=_send_to_redis, name="feed", daemon=True)
                _sender.start()


def _send_to_redis() -> None:
    """Send events to the other processes in small batches; what Redis does not accept is only missing in live views."""
    import redis

    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=SEND_TIMEOUT_SECONDS)
    while not _closing.wait(FLUSH_SECONDS):
        batch = []
        while _outgoing:
            batch.append(_outgoing.popleft())
        if not batch:
            continue
        try:
            pipe = client.pipeline(transaction=False)
            for site_id, event in batch:
                pipe.publish(f"{CHANNEL}{site_id}", orjson.dumps([_process_id, event], default=str))
            pipe.execute()
        except redis.RedisError as error:
            _log_outage(error)
            _closing.wait(RETRY_SECONDS)


async def _listen(site_id: int, subscriber: Subscriber) -> None:
    """Receive what other processes publish; while Redis is away, retry every few seconds."""
    from redis import RedisError
    from redis import asyncio as redis_asyncio

    client = redis_asyncio.Redis.from_url(settings.REDIS_URL)
    try:
        while not subscriber.closed:
            try:
                await _receive_messages(client, site_id, subscriber)
            except (RedisError, OSError) as error:
                _log_outage(error)
                await asyncio.sleep(RETRY_SECONDS)
    finally:
        await client.aclose()


async def _receive_messages(client: AsyncRedis, site_id: int, subscriber: Subscriber) -> None:
    async with client.pubsub() as pubsub:
        await pubsub.subscribe(f"{CHANNEL}{site_id}")
        async for message in pubsub.listen():
            if message["type"] != "message":
                continue
            sender, event = orjson.loads(message["data"])
            if sender != _process_id:
                subscriber.waiting.append(event)
                subscriber.wake_up.set()
