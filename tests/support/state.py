"""The state of the process under test: a new one for every test, and what a restart leaves of it."""

from __future__ import annotations

import os
import time

from django.conf import settings
from django.core.cache import caches
from redis import RedisError

from config import asgi, process
from tests.served import PATIENCE
from tracking.state.base import State
from tracking.state.opening import open_state
from tracking.state.redis_link import build_command
from tracking.state.redis_state import ID_PREFIX, RESTORED_KEY, VISIT_PREFIX, RedisState


def current() -> State:
    """The state that the endpoints of this process have."""
    return process.state


def restart() -> State:
    """As in a new process: what lies in files and in Redis stays, memory is empty."""
    sent_ids = process.state.local.sent_ids
    if "daily" in vars(sent_ids) and sent_ids.daily.file >= 0:
        os.close(sent_ids.daily.file)
    process.state = open_state(settings.DATA_DIR, settings.REDIS_URL)
    asgi.collecting.state = asgi.redirecting.state = process.state
    return process.state


def forget() -> State:
    """As on the first start: nobody has come yet."""
    for pattern in ("seen/*.ids", "devices*.bits"):
        for path in settings.DATA_DIR.glob(pattern):
            path.unlink()
    flush_redis(process.state)
    return restart()


def lose_visits() -> State:
    """As in a new process whose Redis, if it has one, has no visits any more; salts stay."""
    if isinstance(process.state, RedisState):
        client = process.state.redis.client
        for name in (RESTORED_KEY, *client.scan_iter(f"{VISIT_PREFIX}*"), *client.scan_iter(f"{ID_PREFIX}*")):
            client.delete(name)
    return restart()


def let_time_pass(seconds: int) -> None:
    """Let Redis, if the state has one, forget what it would have forgotten after that time: it has its own clock."""
    if isinstance(process.state, RedisState):
        client = process.state.redis.client
        for name in client.scan_iter("footfall:*"):
            remaining = client.ttl(name)
            if remaining >= 0:
                client.expire(name, max(0, remaining - seconds))


def flush_redis(state: State) -> None:
    """Empty the state's Redis, if it has one that answers."""
    if isinstance(state, RedisState):
        state.redis.pause.until = 0.0
        state.redis.execute([build_command("FLUSHDB")])


def clear_caches() -> None:
    """Empty every cache, also in a Redis that is late on a busy machine: requests go on without it, a clean-up cannot.

    Raises RedisError after PATIENCE seconds.
    """
    end = time.monotonic() + PATIENCE
    for cache in caches.all():
        while True:
            try:
                cache.clear()
                break
            except RedisError:
                if time.monotonic() > end:
                    raise
