"""Daily salts: 16 random bytes a day, kept 48 hours, then destroyed.

A device's number cannot be worked out again once its salt is gone. They lie in DATA_DIR (mode 600), or in Redis
where several processes serve, so that all of them know the same visitor.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from django.conf import settings

from tracking import shared

KEPT_DAYS = 2
NAME = "footfall:salt:"  # of a day's in Redis
_known: dict[date, bytes] = {}
_lock = threading.Lock()


def salt(day: date) -> bytes:
    """The salt of a UTC day; the first to ask makes it."""
    found = _known.get(day)
    if found is None:
        with _lock:
            found = _shared_salt(day) or _kept_salt(day)
            _known[day] = found
            for old in [other for other in _known if other <= day - timedelta(days=KEPT_DAYS)]:
                del _known[old]
    return found


def rotate(*, now: datetime) -> None:
    """Make the day's salt and destroy what is older than 48 hours, also where nobody came by to ask for one."""
    today = now.astimezone(UTC).date()
    if not shared.redis():  # there they expire by themselves
        with _lock:
            _known[today] = _kept_salt(today)
    salt(today)
    for old in [day for day in list(_known) if day <= today - timedelta(days=KEPT_DAYS)]:
        _known.pop(old, None)


def forget() -> None:
    """Know nothing, as in a fresh process (tests)."""
    _known.clear()


def _shared_salt(day: date) -> bytes | None:
    """The salt that all processes share; None without Redis."""
    key, seconds = f"{NAME}{day}", KEPT_DAYS * 86_400
    kept = shared.together(
        lambda client: (client.set(key, secrets.token_hex(16), nx=True, ex=seconds), client.get(key))[1]
    )
    return bytes.fromhex(kept.decode()) if kept else None


def _kept_salt(day: date) -> bytes:
    path = Path(settings.DATA_DIR) / "salts.json"
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        kept = {}
    oldest = str(day - timedelta(days=KEPT_DAYS - 1))
    found = kept.setdefault(str(day), secrets.token_hex(16))
    fresh = {name: value for name, value in kept.items() if name >= oldest}
    half = path.with_suffix(".new")
    half.touch(mode=0o600)
    half.write_text(json.dumps(fresh))
    os.replace(half, path)
    return bytes.fromhex(found)
