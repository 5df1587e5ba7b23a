"""Format an event as a line of JSON, and parse it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from tracking.event import Event

OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
MAX_INTEGER = 2**63 - 1


def format_line(event: Event) -> bytes:
    """Format one line. Values that JSON or the store cannot hold (a lone surrogate, a giant number) are replaced."""
    try:
        return orjson.dumps(event, default=_convert, option=OPTIONS)
    except orjson.JSONEncodeError:
        return orjson.dumps(_make_storable(event), default=_convert, option=OPTIONS | orjson.OPT_NON_STR_KEYS)


def read_events(path: Path) -> Iterator[Event]:
    """Yield the events of a segment, with aware times; incomplete or invalid lines are skipped."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:  # inserted meanwhile
        return
    for line in lines:
        try:
            event = orjson.loads(line)
            for name in ("ts", "visit_start"):
                event[name] = datetime.fromisoformat(event[name]) if name in event else event["ts"]
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
        yield event


def _convert(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be stored in an event")


def _make_storable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_make_storable(key): _make_storable(item) for key, item in value.items()}
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return 0
    return value
