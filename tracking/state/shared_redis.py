"""Redis, the memory that several serving processes share; a single process needs none.

When Redis is away, each process continues with its own memory: a hit neither waits for Redis nor is lost.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from django.conf import settings

TIMEOUT_SECONDS = 0.5  # of one request
RETRY_SECONDS = 5.0  # until Redis is used again after it did not answer
# A key is claimed until the time it holds. KEYS: the key, then its older names; ARGV: now, until when, seconds to live
CLAIM_SCRIPT = """
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
    """Return the client of REDIS_URL; None without one."""
    url = getattr(settings, "REDIS_URL", "")
    if not url:
        return None
    import redis as library

    return library.Redis.from_url(
        url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, health_check_interval=30
    )


def run_or_none(job: Callable[[Any], T]) -> T | None:
    """Return the result of `job(client)`; None without Redis and while it is away."""
    global _away_until
    client = redis()
    if client is None or time.monotonic() < _away_until:
        return None
    from redis import RedisError

    try:
        return job(client)
    except (RedisError, OSError) as error:
        _away_until = time.monotonic() + RETRY_SECONDS
        log.warning("Redis is away, this process continues with its own memory: %s", error)
        return None


def claim_first(key: str, at: float, seconds: float, older: tuple[str, ...] = ()) -> bool | None:
    """Claim `key` for `seconds` from `at`; return whether nobody had claimed it or one of its `older` names.

    `at` is a Unix time, so the result does not depend on Redis' own clock. None without Redis or while it is away.
    """
    expiry_seconds = max(1, round(seconds))
    return run_or_none(
        lambda client: bool(
            client.eval(CLAIM_SCRIPT, 1 + len(older), key, *older, repr(at), repr(at + seconds), expiry_seconds)
        )
    )


def forget_outage() -> None:
    """Use Redis again at once after it was away (tests)."""
    global _away_until
    _away_until = 0.0
