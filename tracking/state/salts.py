"""Daily salts: 16 random bytes a day, stored for 48 hours, then destroyed.

A device's number cannot be recomputed once its salt is destroyed. Salts are stored in DATA_DIR (mode 600), or in Redis
where several processes serve, so that all of them hash a visitor to the same device.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from django.conf import settings

from tracking.state import shared_redis

RETENTION_DAYS = 2
REDIS_PREFIX = "footfall:salt:"  # + day: the key in Redis
_cached: dict[date, bytes] = {}
_lock = threading.Lock()


def get_salt(day: date) -> bytes:
    """Return the salt of a UTC day; the first call of a day creates it."""
    value = _cached.get(day)
    if value is None:
        with _lock:
            value = _get_from_redis(day) or _get_from_file(day)
            _cached[day] = value
            for expired in [other for other in _cached if other <= day - timedelta(days=RETENTION_DAYS)]:
                del _cached[expired]
    return value


def rotate(*, now: datetime) -> None:
    """Create the day's salt and destroy those older than 48 hours, even if no visitor came."""
    today = now.astimezone(UTC).date()
    if not shared_redis.redis():  # there they expire by themselves
        with _lock:
            _cached[today] = _get_from_file(today)
    get_salt(today)
    for expired in [day for day in list(_cached) if day <= today - timedelta(days=RETENTION_DAYS)]:
        _cached.pop(expired, None)


def forget() -> None:
    """Clear the cache, as in a new process (tests)."""
    _cached.clear()


def _get_from_redis(day: date) -> bytes | None:
    """Return the salt that all processes share; None without Redis or while it is away."""
    key, seconds = f"{REDIS_PREFIX}{day}", RETENTION_DAYS * 86_400
    stored = shared_redis.run_or_none(
        lambda client: (client.set(key, secrets.token_hex(16), nx=True, ex=seconds), client.get(key))[1]
    )
    return bytes.fromhex(stored.decode()) if stored else None


def _get_from_file(day: date) -> bytes:
    path = Path(settings.DATA_DIR) / "salts.json"
    try:
        stored = json.loads(path.read_text())
    except (OSError, ValueError):
        stored = {}
    oldest = str(day - timedelta(days=RETENTION_DAYS - 1))
    value = stored.setdefault(str(day), secrets.token_hex(16))
    current = {name: value for name, value in stored.items() if name >= oldest}
    temporary = path.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(current))
    os.replace(temporary, path)
    return bytes.fromhex(value)
