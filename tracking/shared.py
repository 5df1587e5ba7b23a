"""What several serving processes share: one Redis, or nothing when one process is all there is.

Redis may go away: then each process goes on with its own memory, and a hit neither waits for it nor is lost by it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from django.conf import settings

PATIENCE_SECONDS = 0.5  # of one question
PAUSE_SECONDS = 5.0  # before Redis is asked again after it did not answer
# A key is taken until the moment it holds. KEYS: the key, then its older names; ARGV: now, until when, seconds to live
FIRST = """
for i = 1, #KEYS do
  local taken = redis.call('GET', KEYS[i])
  if taken and tonumber(ARGV[1]) < tonumber(taken) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""
T = TypeVar("T")
log = logging.getLogger(__name__)
_away_until = 0.0


@lru_cache(maxsize=1)
def redis() -> Any:
    """The client of REDIS_URL; None without one."""
    url = getattr(settings, "REDIS_URL", "")
    if not url:
        return None
    import redis as library

    return library.Redis.from_url(
        url, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS, health_check_interval=30
    )


def together(job: Callable[[Any], T]) -> T | None:
    """What `job` does with the shared client; None without Redis, and while Redis is away."""
    global _away_until
    client = redis()
    if client is None or time.monotonic() < _away_until:
        return None
    from redis import RedisError

    try:
        return job(client)
    except (RedisError, OSError) as error:
        _away_until = time.monotonic() + PAUSE_SECONDS
        log.warning("Redis is away, this process goes on alone: %s", error)
        return None


def first(key: str, at: float, seconds: float, older: tuple[str, ...] = ()) -> bool | None:
    """Whether `key` (and none of its `older` names) was not first within `seconds` before `at`; notes it.

    `at` is Unix time, exact whatever Redis' own clock says. None when Redis does not decide.
    """
    keep = max(1, round(seconds))
    return together(
        lambda client: bool(client.eval(FIRST, 1 + len(older), key, *older, repr(at), repr(at + seconds), keep))
    )


def ask_again() -> None:
    """Do not wait for a Redis that was away to be back (tests)."""
    global _away_until
    _away_until = 0.0
