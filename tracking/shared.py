"""What several serving processes share: one Redis client, or nothing when one process is all there is."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.conf import settings


@lru_cache(maxsize=1)
def redis() -> Any:
    """The client of REDIS_URL; None without one."""
    url = getattr(settings, "REDIS_URL", "")
    if not url:
        return None
    import redis as library

    return library.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, health_check_interval=30)
